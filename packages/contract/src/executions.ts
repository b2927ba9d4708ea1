import Type, { type Static } from 'typebox'
import { commandLimits } from './command-policy.ts'
import { operation } from './operation.ts'
import { Cursor, closed, Id, nullable, PageLimit, Timestamp } from './shapes.ts'

/** The specification's states ("Get Command Status"), of commands and of their executions. */
export const commandStatuses = ['pending', 'running', 'completed', 'failed', 'timeout', 'cancelled'] as const
export type CommandStatus = (typeof commandStatuses)[number]

/** What a state is about more exactly. */
export const commandSubStatuses = [
  'awaiting_approval',
  'rollout',
  'paused',
  'queued',
  'offline',
  'sent',
  'delivered',
  'executing',
  'verifying',
  'cancelling',
  'error',
  'rejected',
  'verify_failed',
  'outcome_unknown',
  'aborted',
  'delivery',
  'execution',
  'unconfirmed',
] as const
export type CommandSubStatus = (typeof commandSubStatuses)[number]

export const WaitingFor = Type.Object(
  { reason: Type.String({ description: 'Stable, snake_case' }) },
  { additionalProperties: true, description: 'Why it does not run yet' },
)

const Message = Type.String({ maxLength: commandLimits.messageLengthMax })

export const CommandError = Type.Object({
  code: Type.String({ minLength: 1, maxLength: 128, description: "Stable; the device's own word or Nexus's" }),
  message: Message,
})
export type CommandError = Static<typeof CommandError>

/** What a device answered: its own fields, beside whether it succeeded and how long it took. */
export const CommandResult = Type.Object(
  {
    success: Type.Boolean(),
    message: Type.Optional(Type.String()),
    duration_ms: Type.Integer({ description: 'From when the device began to its answer' }),
  },
  { additionalProperties: true },
)
export type CommandResult = Static<typeof CommandResult>

export const Progress = Type.Object({
  seq: Type.Integer(),
  percent: nullable(Type.Number()),
  message: nullable(Type.String()),
})
export type Progress = Static<typeof Progress>

/** A command on one device. */
export const Execution = Type.Object({
  execution_id: Id,
  command_id: Id,
  device_id: Id,
  status: Type.Enum(commandStatuses),
  sub_status: nullable(Type.Enum(commandSubStatuses)),
  status_reason: nullable(
    Type.String({ description: 'How it ended, or why the last attempt failed; stable, snake_case' }),
  ),
  waiting_for: nullable(WaitingFor),
  attempt: Type.Integer({
    description: 'How often it was given to the device; what the device has and is told once more does not count',
  }),
  progress: nullable(Progress),
  result: nullable(CommandResult),
  error: nullable(CommandError),
  late: Type.Boolean({
    description: 'The result came when the time was over, the device given up, or a cancel unconfirmed',
  }),
  submitted_at: Timestamp,
  sent_at: nullable(Timestamp),
  delivered_at: nullable(Timestamp),
  started_at: nullable(Timestamp),
  completed_at: nullable(Timestamp),
})
export type Execution = Static<typeof Execution>

export const LeaseToken = Type.String({ minLength: 1, maxLength: 128, description: 'As it came with the execution' })

/** What a device is given to do. */
export const ExecutionOrder = Type.Object({
  command_id: Id,
  execution_id: Id,
  attempt: Type.Integer({
    description: 'From 1; a higher one repeats an execution of which nobody knows whether the device had begun',
  }),
  lease_token: LeaseToken,
  lease_expires_at: Timestamp,
  deadline: nullable(Timestamp),
  time_left_ms: nullable(
    Type.Integer({ description: "Until the deadline; says it to a device whose clock isn't set" }),
  ),
  command: Type.String(),
  parameters: Type.Record(Type.String(), Type.Unknown()),
  service: Type.Optional(Type.String({ description: 'Of the target' })),
  trace_id: Type.String(),
})
export type ExecutionOrder = Static<typeof ExecutionOrder>

/** What every report of a device is answered with. */
export const ExecutionStanding = Type.Object({
  execution_id: Id,
  status: Type.Enum(commandStatuses),
  cancel_requested: Type.Boolean({ description: 'Stop, and report `cancelled`' }),
  lease_expires_at: nullable(Timestamp),
})
export type ExecutionStanding = Static<typeof ExecutionStanding>

const held = { execution_id: Id, lease_token: LeaseToken }
const atWork = {
  ...held,
  elapsed_ms: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: Number.MAX_SAFE_INTEGER,
      description: 'How long ago it began, by the device; not before it was given to it',
    }),
  ),
}

export const ExecutionAck = Type.Object(
  {
    ...held,
    status: Type.Enum(['accepted', 'rejected'] as const),
    reason: Type.Optional(Message),
  },
  closed,
)

export const ExecutionProgress = Type.Object(
  {
    ...atWork,
    seq: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: 'A lower one is ignored' }),
    percent: Type.Optional(Type.Number({ minimum: 0, maximum: 100 })),
    message: Type.Optional(Message),
  },
  closed,
)

export const logLevels = ['debug', 'info', 'warn', 'error'] as const

export const LogLine = Type.Object(
  {
    at: Type.Optional(Timestamp),
    level: Type.Optional(Type.Enum(logLevels, { default: 'info' })),
    message: Type.String({ maxLength: commandLimits.logLineLengthMax }),
  },
  closed,
)

export const ExecutionLogs = Type.Object(
  { ...atWork, lines: Type.Array(LogLine, { minItems: 1, maxItems: commandLimits.logLinesMax }) },
  closed,
)

export const executionOutcomes = ['completed', 'failed', 'cancelled'] as const

export const ExecutionResult = Type.Object(
  {
    ...atWork,
    duration_ms: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: Number.MAX_SAFE_INTEGER,
        description: 'How long it took, by the device; else until this came',
      }),
    ),
    status: Type.Enum(executionOutcomes),
    result: Type.Optional(
      Type.Unknown({
        description: 'Any JSON; the fields of an object show beside `success`, and a `message` among them must be text',
      }),
    ),
    error: Type.Optional(CommandError),
  },
  closed,
)

/** A line that a device logged while it ran a command. */
export const LoggedLine = Type.Object({
  execution_id: Id,
  device_id: Id,
  seq: Type.Integer(),
  at: Timestamp,
  level: Type.Enum(logLevels),
  message: Type.String(),
})
export type LoggedLine = Static<typeof LoggedLine>

const commandId = { command_id: Id }
const paging = { cursor: Type.Optional(Cursor), limit: Type.Optional(PageLimit) }
const reading = { effect: 'read', scope: 'command:execute', narrowable: true, rate: 'command' } as const
const reporting = { effect: 'write', scope: 'telemetry:write', rate: 'work', output: ExecutionStanding } as const
const onlyTheDevice = 'Needs a key that is bound to the device, or an admin key.'

export const executionsList = operation({
  ...reading,
  id: 'commands.executions.list',
  summary: "List a command's executions, one for each target",
  http: 'GET /v1/commands/{command_id}/executions',
  input: Type.Object({ ...commandId, status: Type.Optional(Type.Enum(commandStatuses)), ...paging }, closed),
  output: Type.Object({ executions: Type.Array(Execution), next_cursor: nullable(Cursor) }),
  errors: ['NOT_FOUND'],
})

export const commandLogsList = operation({
  ...reading,
  id: 'commands.logs.list',
  summary: 'List what devices logged while they ran a command, in the order in which it came',
  http: 'GET /v1/commands/{command_id}/logs',
  input: Type.Object({ ...commandId, ...paging }, closed),
  output: Type.Object({
    lines: Type.Array(LoggedLine),
    dropped: Type.Integer({ description: 'Lines beyond the bound of an execution' }),
    next_cursor: nullable(Cursor),
  }),
  errors: ['NOT_FOUND'],
})

/** See the guide of commands. */
export const AcksFirst = Type.Boolean({
  default: false,
  description:
    'The device begins an execution only once its `ack` is confirmed: one that it was given and never confirmed is no attempt, and is given again',
})

export const commandsLease = operation({
  id: 'commands.lease',
  summary: 'Take commands for a device, or wait for one',
  description: `The long poll of a device without a WebSocket. 204: nothing came in time. ${onlyTheDevice}`,
  effect: 'lease',
  scope: 'telemetry:write',
  rate: 'work',
  yields: true,
  http: 'POST /v1/devices/{device_id}/commands/lease',
  otherSuccess: { status: 204, has: null },
  input: Type.Object(
    {
      device_id: Id,
      max: Type.Optional(Type.Integer({ minimum: 1, maximum: commandLimits.leaseMax, default: 1 })),
      wait_seconds: Type.Optional(Type.Integer({ minimum: 0, maximum: commandLimits.waitSecondsMax, default: 0 })),
      acks_first: Type.Optional(AcksFirst),
      have: Type.Optional(
        Type.Array(Id, {
          maxItems: commandLimits.haveMax,
          description:
            'The executions that the device knows of: those that it has not confirmed are told once more; others that it was given count as an attempt, and are given again if another one is left',
        }),
      ),
    },
    closed,
  ),
  output: Type.Union([Type.Object({ executions: Type.Array(ExecutionOrder) }), Type.Null()]),
})

export const executionsAck = operation({
  ...reporting,
  id: 'executions.ack',
  summary: 'Confirm that an execution has reached the device, or reject it',
  description: onlyTheDevice,
  http: 'POST /v1/executions/{execution_id}/ack',
  input: ExecutionAck,
  errors: ['NOT_FOUND', 'CONFLICT'],
})

export const executionsProgress = operation({
  ...reporting,
  id: 'executions.progress',
  summary: 'Report that an execution is under way; extends its lease',
  description: onlyTheDevice,
  http: 'POST /v1/executions/{execution_id}/progress',
  input: ExecutionProgress,
  errors: ['NOT_FOUND', 'CONFLICT'],
})

export const executionsLogs = operation({
  ...reporting,
  yields: true,
  id: 'executions.logs',
  summary: 'Report what an execution logged; extends its lease',
  description: onlyTheDevice,
  http: 'POST /v1/executions/{execution_id}/logs',
  bodyBytesMax: 512 * 1024,
  input: ExecutionLogs,
  errors: ['NOT_FOUND', 'CONFLICT'],
})

export const executionsResult = operation({
  ...reporting,
  id: 'executions.result',
  summary: 'Report how an execution ended',
  description: `A result that comes again is answered as the first. ${onlyTheDevice}`,
  http: 'POST /v1/executions/{execution_id}/result',
  bodyBytesMax: 512 * 1024,
  input: ExecutionResult,
  errors: ['NOT_FOUND', 'CONFLICT'],
})
