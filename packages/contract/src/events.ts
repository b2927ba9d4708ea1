import Type, { type Static } from 'typebox'
import { Ticket } from './auth.ts'
import { operation } from './operation.ts'
import type { Scope } from './scopes.ts'
import { Cursor, Id, Timestamp } from './shapes.ts'

/** What happens, by type: the specification's list ("Event Types"), and what Nexus adds. */
export const eventTypes = [
  'telemetry.frame',
  'telemetry.alert',
  'telemetry.alert.resolved',
  'device.registered',
  'device.online',
  'device.offline',
  'command.submitted',
  'command.started',
  'command.progress',
  'command.completed',
  'command.failed',
  'command.timeout',
  'command.cancelled',
  'task.created',
  'task.updated',
  'task.deleted',
  'task.queued',
  'task.started',
  'task.progress',
  'task.completed',
  'task.failed',
  'task.cancelled',
  'task.timeout',
  'task.skipped',
  'task.missed',
  'task.stalled',
  'task.paused',
  'task.resumed',
  'ai.agent.registered',
  'ai.agent.offline',
  'ai.task.created',
  'ai.task.assigned',
  'ai.task.progress',
  'ai.task.completed',
  'ai.task.failed',
] as const
export type EventType = (typeof eventTypes)[number]

/** What a key must hold to see events whose type begins so. */
export const eventScopes = {
  telemetry: 'telemetry:read',
  device: 'telemetry:read',
  command: 'command:execute',
  task: 'task:read',
  ai: 'ai:coordinate',
} as const satisfies Record<string, Scope>

/** What a stream says of itself, beside the events of the log. */
export const streamEvents = ['stream.gap', 'stream.overflow', 'stream.expired', 'stream.shutdown'] as const

export const EventId = Type.String({
  pattern: '^evt-\\d{1,15}$',
  description: 'The id of an event, as in `evt-12345`; opaque',
})

export const Event = Type.Object({
  id: EventId,
  type: Type.Enum(eventTypes),
  time: Timestamp,
  subject: Type.Union([Type.String(), Type.Null()], {
    description: 'What it is about, such as the device',
  }),
  data: Type.Record(Type.String(), Type.Unknown()),
  trace_id: Type.String({ description: 'The causal chain that it belongs to, as in `traceparent`' }),
  cause_id: Type.Union([EventId, Type.Null()], { description: 'The event that led to it' }),
})
export type Event = Static<typeof Event>

/** A comma list of types; `task.*` stands for all that begin so. */
export const EventTypeList = Type.String({
  minLength: 1,
  maxLength: 1024,
  description: 'Comma-separated types, such as `telemetry.alert` or `task.*`; unless given, all that the key may see',
})

/** In a query parameter a filter is JSON text. */
export const EventFilters = Type.String({
  minLength: 1,
  maxLength: 8192,
  description: 'A filter as JSON, such as `{"device_id":"d1","metrics.cpu":{"$gt":80}}`',
})

export const eventsList = operation({
  id: 'events.list',
  summary: 'List what happened, oldest first',
  description:
    'Frames are there for some minutes, everything else for days. An event that the key may not see is left out.',
  effect: 'read',
  scope: null,
  rate: 'other',
  http: 'GET /v1/events',
  input: Type.Object(
    {
      after: Type.Optional(
        Type.Union([EventId, Type.Literal('earliest')], {
          description: 'The event before the first; unless given, the earliest',
        }),
      ),
      types: Type.Optional(EventTypeList),
      filters: Type.Optional(EventFilters),
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 100 })),
    },
    { additionalProperties: false },
  ),
  output: Type.Object({
    events: Type.Array(Event),
    next_cursor: Type.Union([Cursor, Type.Null()], {
      description: 'To be handed back as `after`; null: no more for now',
    }),
  }),
})

export const tracesGet = operation({
  id: 'traces.get',
  summary: 'Get the events of a causal chain, oldest first',
  effect: 'read',
  scope: null,
  rate: 'other',
  http: 'GET /v1/traces/{trace_id}',
  input: Type.Object(
    {
      trace_id: Type.String({ pattern: '^[\\da-f]{32}$', description: 'A W3C trace id: 32 hex digits in lower case' }),
    },
    { additionalProperties: false },
  ),
  output: Type.Object({
    trace_id: Type.String(),
    events: Type.Array(Event, { maxItems: 1000 }),
    truncated: Type.Boolean({
      description: 'There are more events than these, which are the first thousand, or those of the first 4 MiB or so',
    }),
  }),
})

const lastEventId = 'The last event that was seen; the header `Last-Event-ID` wins'

/** How a client shows who it is where it can send no headers. */
const shownInQuery = {
  token: Type.Optional(
    Type.String({ minLength: 1, maxLength: 4096, description: 'The API key, for clients that can send no headers' }),
  ),
  ticket: Type.Optional(Ticket),
}

/** The query of `GET /v1/events/stream`. */
export const EventStreamInput = Type.Object(
  {
    event_types: Type.Optional(EventTypeList),
    filters: Type.Optional(EventFilters),
    last_event_id: Type.Optional(Type.Union([EventId, Type.Literal('earliest')], { description: lastEventId })),
    since: Type.Optional(Timestamp),
    ...shownInQuery,
  },
  { additionalProperties: false },
)
export type EventStreamInput = Static<typeof EventStreamInput>

/** The stream of events as Server-Sent Events; no operation, for its answer has no end. */
export const eventsStream = {
  id: 'events.stream',
  summary: 'Follow what happens, as Server-Sent Events',
  path: '/v1/events/stream',
  rate: 'other',
  input: EventStreamInput,
} as const

/** The events of one run as Server-Sent Events, from its first to its last. */
export const runEventsStream = {
  id: 'runs.events',
  summary: 'Follow a run, as Server-Sent Events, from its first event until it has ended',
  path: '/v1/runs/{run_id}/events',
  scope: 'task:read',
  rate: 'other',
  input: Type.Object(
    {
      run_id: Id,
      last_event_id: Type.Optional(Type.Union([EventId, Type.Literal('earliest')], { description: lastEventId })),
      ...shownInQuery,
    },
    { additionalProperties: false },
  ),
} as const

/** The events of one command as Server-Sent Events, from its first to its last. */
export const commandEventsStream = {
  id: 'commands.events',
  summary: 'Follow a command, as Server-Sent Events, from its first event until it has ended',
  path: '/v1/commands/{command_id}/events',
  scope: 'command:execute',
  narrowable: true,
  rate: 'command',
  input: Type.Object(
    {
      command_id: Id,
      last_event_id: Type.Optional(Type.Union([EventId, Type.Literal('earliest')], { description: lastEventId })),
      ...shownInQuery,
    },
    { additionalProperties: false },
  ),
} as const
