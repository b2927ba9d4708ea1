import Type, { type Static, type TSchema } from 'typebox'
import { commandLimits } from './command-policy.ts'
import { CommandInput, CommandSubmitted, CommandSummary } from './commands.ts'
import { type EventData, eventData } from './event-data.ts'
import { EventId, type EventType } from './events.ts'
import {
  AcksFirst,
  CommandError,
  CommandResult,
  commandStatuses,
  commandSubStatuses,
  ExecutionAck,
  ExecutionLogs,
  ExecutionOrder,
  ExecutionProgress,
  ExecutionResult,
  ExecutionStanding,
} from './executions.ts'
import { idempotencyKeyPattern } from './operation.ts'
import { operations } from './operations.ts'
import type { Scope } from './scopes.ts'
import { Id, Timestamp } from './shapes.ts'

/** Where a WebSocket is opened (specification, "WebSocket Protocol"). */
export const websocketPath = '/v1'

/** The subprotocol, and what a token in base64url stands behind where no header can be sent. */
export const websocketProtocol = 'nexus.v1'
export const websocketBearerPrefix = 'nexus.bearer.'

/** What can be subscribed to: the types of events of each channel, and what a key must hold for it. */
export const channels = {
  telemetry: { types: 'telemetry.*', scope: 'telemetry:read' },
  commands: { types: 'command.*', scope: 'command:execute' },
  tasks: { types: 'task.*', scope: 'task:read' },
  ai: { types: 'ai.*', scope: 'ai:coordinate' },
  events: { types: '*', scope: null },
} as const satisfies Record<string, { types: string; scope: Scope | null }>
export type Channel = keyof typeof channels
export const channelNames = Object.keys(channels) as Channel[]

/** Why a connection ends (specification, "WebSocket Close Codes"), and those that every WebSocket has. */
export const closeCodes = {
  1000: 'The client closed it',
  1001: 'The server stops, or nothing was heard of the client for 75 seconds; connect again',
  1002: 'A message was no JSON object with a type; an error was sent first',
  1003: 'A message was binary',
  1007: 'A message was not valid UTF-8',
  1008: 'The client reads too slowly, or its key was revoked, has expired or permits less',
  1009: 'A message was longer than 64 KiB',
  1011: 'Something failed in the server',
  4000: 'No valid key or ticket was given; an error was sent first',
  4001: 'Too many messages, connections or requests; an error was sent first',
  4002: 'Five subscriptions were refused; an error was sent for each',
} as const
export type CloseCode = keyof typeof closeCodes

/** Bounds of a connection. */
export const websocketLimits = {
  messageBytes: 64 * 1024,
  messagesPerSecond: 50,
  messagesBurst: 100,
  subscriptions: 100,
  refusedSubscriptions: 5,
  calls: 32,
  /** That were sent over it and have not ended. */
  commands: 1000,
  pingSeconds: 25,
  idleSeconds: 75,
} as const

const MessageId = Type.String({ maxLength: 128, description: 'Chosen by the sender; the answer carries it again' })

/** What every message of a client is, whatever else it says. */
export const ClientEnvelope = Type.Object({
  type: Type.String({ minLength: 1, maxLength: 64 }),
  id: Type.Optional(MessageId),
  timestamp: Type.Optional(Type.Unknown()),
  payload: Type.Optional(Type.Unknown()),
})
export type ClientEnvelope = Static<typeof ClientEnvelope>

export const SubscriptionId = Type.String({
  pattern: '^sub-\\d{1,9}$',
  description: 'Names the subscription on its connection',
})

export const Subscribe = Type.Object(
  {
    channel: Type.Enum(channelNames),
    filters: Type.Optional(
      Type.Record(Type.String(), Type.Unknown(), {
        description:
          'A filter as in `GET /v1/events/stream`; `event_types` beside it, a comma list or an array, narrows the types',
      }),
    ),
    after: Type.Optional(
      Type.Union([EventId, Type.Literal('earliest')], {
        description: 'The cursor of the last message that was seen; unless given, from now on',
      }),
    ),
  },
  { additionalProperties: false },
)
export type Subscribe = Static<typeof Subscribe>

export const Unsubscribe = Type.Object({ subscription_id: SubscriptionId }, { additionalProperties: false })

export const Invoke = Type.Object(
  {
    operation: Type.Enum(Object.keys(operations) as (keyof typeof operations)[]),
    input: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
    idempotency_key: Type.Optional(Type.String({ pattern: idempotencyKeyPattern })),
    traceparent: Type.Optional(Type.String({ maxLength: 128, description: 'As the header of W3C Trace Context' })),
  },
  { additionalProperties: false },
)
export type Invoke = Static<typeof Invoke>

/** What a device says first: from then on commands are pushed to it over this connection. */
export const DeviceHello = Type.Object(
  {
    device_id: Id,
    capabilities: Type.Optional(
      Type.Object(
        {
          acks_first: Type.Optional(AcksFirst),
          max_concurrency: Type.Optional(
            Type.Integer({
              minimum: 1,
              maximum: commandLimits.leaseMax,
              description: 'So many executions at once; 16 unless given',
            }),
          ),
        },
        { additionalProperties: true },
      ),
    ),
    have: Type.Optional(
      Type.Array(Id, {
        maxItems: commandLimits.haveMax,
        description: 'The executions that the device knows of, under way or with a result that is not confirmed yet',
      }),
    ),
  },
  { additionalProperties: false },
)
export type DeviceHello = Static<typeof DeviceHello>

/** The operations that a device calls by messages of their own. */
export const deviceReports = {
  'command.ack': 'executions.ack',
  'command.progress': 'executions.progress',
  'command.log': 'executions.logs',
  'command.result': 'executions.result',
} as const satisfies Record<string, keyof typeof operations>
export type DeviceReportType = keyof typeof deviceReports

/** What a client may send, by type. */
export const clientMessages = {
  subscribe: { summary: 'Follow a channel', payload: Subscribe },
  unsubscribe: { summary: 'Follow a channel no more', payload: Unsubscribe },
  invoke: { summary: 'Call any operation', payload: Invoke },
  command: { summary: 'Execute a command, and be told how it ended', payload: CommandInput },
  'device.hello': { summary: 'Receive the commands of a device from now on', payload: DeviceHello },
  'command.ack': { summary: 'Confirm that an execution has reached the device, or reject it', payload: ExecutionAck },
  'command.progress': { summary: 'Report that an execution is under way', payload: ExecutionProgress },
  'command.log': { summary: 'Report what an execution logged', payload: ExecutionLogs },
  'command.result': { summary: 'Report how an execution ended', payload: ExecutionResult },
  ping: { summary: 'Ask for a pong', payload: Type.Optional(Type.Unknown()) },
} as const
export type ClientMessageType = keyof typeof clientMessages

const EventPayload = Type.Record(Type.String(), Type.Unknown(), { description: 'What the event says' })
const Gap = Type.Object({ requested: EventId, first_available: EventId })
const Reason = Type.Object({ reason: Type.String({ description: 'Stable, snake_case' }) })

/** What the server sends beside events, by type. */
export const serverMessages = {
  subscribed: {
    summary: 'Answers `subscribe`',
    payload: Type.Object({
      subscription_id: SubscriptionId,
      cursor: EventId,
      recovered: Type.Boolean({ description: '`after` was given, and everything after it is there' }),
    }),
  },
  unsubscribed: { summary: 'Answers `unsubscribe`', payload: Type.Object({ subscription_id: SubscriptionId }) },
  invoked: {
    summary: 'Answers `invoke`',
    payload: Type.Object({
      operation: Type.String(),
      output: Type.Unknown({ description: 'As the operation answers over HTTP' }),
      replayed: Type.Boolean({ description: 'The stored answer of an earlier call with the same idempotency key' }),
    }),
  },
  'command.accepted': { summary: 'Answers `command`', payload: CommandSubmitted },
  'command.result': {
    summary: 'A command that was sent over this connection has ended',
    payload: Type.Object({
      command_id: Id,
      status: Type.Enum(commandStatuses),
      sub_status: Type.Optional(Type.Enum(commandSubStatuses)),
      result: Type.Optional(CommandResult),
      error: Type.Optional(CommandError),
      summary: Type.Optional(CommandSummary),
    }),
  },
  'device.welcome': { summary: 'Answers `device.hello`', payload: Type.Object({ device_id: Id }) },
  'device.replaced': {
    summary:
      'Another connection receives the commands of the device from now on; of what this one has the leases last as long as it reports',
    payload: Type.Object({ device_id: Id }),
  },
  'command.execute': { summary: 'An execution for the device', payload: ExecutionOrder },
  'command.cancel': {
    summary: 'The device is to stop an execution, and to report it as cancelled',
    payload: Type.Object({ execution_id: Id }),
  },
  'command.confirmed': { summary: "Answers a device's report", payload: ExecutionStanding },
  error: {
    summary: 'What a client sent was refused',
    payload: Type.Object({
      code: Type.String(),
      message: Type.String(),
      details: Type.Record(Type.String(), Type.Unknown()),
      request_id: Type.String({ description: 'What the log of the server calls it' }),
      retry_after_seconds: Type.Optional(Type.Integer()),
    }),
  },
  pong: { summary: 'Answers `ping`', payload: Type.Optional(Type.Unknown()) },
  'stream.gap': { summary: 'Some of what came after the cursor is gone', payload: Gap },
  'stream.cursor': {
    summary: 'Nothing came of late: `after` this cursor nothing is missed',
    payload: Type.Object({ cursor: EventId }),
  },
  'stream.overflow': { summary: 'The client reads too slowly: the subscription ends', payload: Reason },
  'stream.expired': { summary: 'The key permits less than before: the connection ends', payload: Reason },
  'stream.shutdown': { summary: 'The server stops: the connection ends', payload: Reason },
} as const
export type ServerMessageType = keyof typeof serverMessages

/** The envelope of what the server sends (specification, "Message Format"). */
export const ServerEnvelope = Type.Object({
  type: Type.String(),
  id: Type.Optional(MessageId),
  timestamp: Timestamp,
  payload: Type.Optional(Type.Unknown()),
  subscription_id: Type.Optional(SubscriptionId),
  cursor: Type.Optional(EventId),
})

/** An event as a subscription sends it. Whoever subscribes with `after` its cursor goes on behind it. */
export type EventMessage = { [T in EventType]: EventMessageOf<T> }[EventType]

interface EventMessageOf<T extends EventType> {
  type: T
  id: string
  timestamp: string
  payload: EventData<T>
  subscription_id: string
  cursor: string
}

/** The schema of the messages of a type. */
export function eventMessage(type: EventType): TSchema {
  return Type.Object({
    type: Type.Literal(type),
    id: EventId,
    timestamp: Timestamp,
    payload: Object.hasOwn(eventData, type) ? eventData[type as keyof typeof eventData] : EventPayload,
    subscription_id: SubscriptionId,
    cursor: EventId,
  })
}
