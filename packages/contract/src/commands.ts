import Type, { type Static } from 'typebox'
import { type CommandCategory, commandCategories, commandLimits, deliveryOrders } from './command-policy.ts'
import { CommandError, CommandResult, commandStatuses, commandSubStatuses, Progress, WaitingFor } from './executions.ts'
import { operation } from './operation.ts'
import { Cursor, closed, Id, nullable, PageLimit, Seconds, Timestamp, Warning } from './shapes.ts'
import { telemetryLimits } from './telemetry.ts'
import { WebhookUrl } from './webhooks.ts'

export const CommandName = Type.String({
  pattern: '^[A-Za-z_][\\w.\\-]{0,127}$',
  maxLength: commandLimits.nameLengthMax,
  description: 'A letter or `_`, then letters, digits, `_`, `.` and `-`: what devices know it by',
})

const TagValue = Type.String({ maxLength: telemetryLimits.stringBytesMax })

/** Which devices: one by its id, some by their ids, those that a service or tags select, or all. */
export const CommandTarget = Type.Object(
  {
    device_id: Type.Optional(Id),
    device_ids: Type.Optional(Type.Array(Id, { minItems: 1, maxItems: commandLimits.deviceIdsMax })),
    service: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 256,
        description: 'Alone or beside tags: the devices with that tag `service`; beside ids: handed to the device',
      }),
    ),
    tags: Type.Optional(
      Type.Record(Type.String({ minLength: 1, maxLength: telemetryLimits.keyLengthMax }), TagValue, {
        minProperties: 1,
        maxProperties: telemetryLimits.tagsMax,
        description: 'The devices that have all of them',
      }),
    ),
    all: Type.Optional(Type.Literal(true, { description: 'Every device; needs an admin key' })),
  },
  closed,
)
export type CommandTarget = Static<typeof CommandTarget>

export const deliveryModes = ['queue', 'immediate'] as const

export const CommandDelivery = Type.Object(
  {
    mode: Type.Optional(
      Type.Enum(deliveryModes, {
        description: '`queue` waits for a device that is offline, `immediate` is refused then',
      }),
    ),
    ttl_seconds: Type.Optional(Seconds(commandLimits.ttlSecondsMax)),
    max_attempts: Type.Optional(Type.Integer({ minimum: 1, maximum: commandLimits.attemptsMax })),
    order: Type.Optional(Type.Enum(deliveryOrders)),
  },
  closed,
)
export type CommandDelivery = Static<typeof CommandDelivery>

const Condition = (example: string) =>
  Type.String({
    minLength: 3,
    maxLength: 256,
    description: `A condition on a metric of the device, such as \`${example}\``,
  })

export const CommandRollout = Type.Object(
  {
    canary: Type.Optional(
      Type.Integer({ minimum: 1, maximum: commandLimits.targetsMax, description: 'So many succeed first, alone' }),
    ),
    max_concurrency: Type.Optional(Type.Integer({ minimum: 1, maximum: commandLimits.targetsMax })),
    rate_per_minute: Type.Optional(Type.Integer({ minimum: 1, maximum: 100_000 })),
    abort: Type.Optional(
      Type.Object(
        {
          failed_percent: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 100 })),
          min_executed: Type.Optional(
            Type.Integer({
              minimum: 1,
              maximum: commandLimits.targetsMax,
              description: 'So many must have ended before the percentage counts; 1 unless given',
            }),
          ),
          metric: Type.Optional(Condition('cpu_usage>90 for 2m')),
        },
        { ...closed, minProperties: 1 },
      ),
    ),
  },
  { ...closed, minProperties: 1 },
)
export type CommandRollout = Static<typeof CommandRollout>

export const rolloutPhases = ['waiting', 'canary', 'spreading', 'paused', 'aborted', 'cancelled', 'done'] as const

export const RolloutAbort = Type.Object({
  reason: Type.Enum(['canary_failed', 'failed_percent', 'metric'] as const),
  issue: Type.String({ description: 'In words' }),
  device_id: Type.Optional({ ...Id, description: 'On which the condition held' }),
})
export type RolloutAbort = Static<typeof RolloutAbort>

/** Where a roll-out stands. */
export const RolloutStanding = Type.Object({
  phase: Type.Enum(rolloutPhases, {
    description: '`waiting` for approval; `canary`: the first ones; `done`: every device may have the command',
  }),
  released: Type.Integer({ description: 'How many devices may have the command' }),
  next_at: nullable({ ...Timestamp, description: 'When the next ones are released; null: when others have ended' }),
  abort: Type.Optional(RolloutAbort),
})
export type RolloutStanding = Static<typeof RolloutStanding>

export const CommandVerify = Type.Object(
  { metric: Condition('up == 1'), within_seconds: Type.Optional(Seconds(86_400)) },
  closed,
)
export type CommandVerify = Static<typeof CommandVerify>

export const callbackEvents = [
  'command.submitted',
  'command.started',
  'command.completed',
  'command.failed',
  'command.timeout',
  'command.cancelled',
] as const

export const CommandParameters = Type.Record(Type.String({ minLength: 1, maxLength: 128 }), Type.Unknown(), {
  maxProperties: 256,
  description: 'Handed to the device; `timeout_seconds` among them is how long it may take',
})

export const CommandInput = Type.Object(
  {
    command: CommandName,
    category: Type.Optional(
      Type.Enum(commandCategories, {
        description: 'Unless given: that of its definition or of its well-known name, else `custom`',
      }),
    ),
    target: CommandTarget,
    parameters: Type.Optional(CommandParameters),
    async: Type.Optional(Type.Boolean({ default: true, description: 'False: answer when it has ended' })),
    wait_seconds: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: commandLimits.waitSecondsMax,
        description: 'How long a synchronous call waits; unless given, the timeout, at most 30',
      }),
    ),
    priority: Type.Optional(Type.Enum(['low', 'normal', 'high', 'urgent'] as const, { default: 'normal' })),
    timeout_seconds: Type.Optional(Seconds(commandLimits.timeoutSecondsMax)),
    delivery: Type.Optional(CommandDelivery),
    rollout: Type.Optional(CommandRollout),
    verify: Type.Optional(CommandVerify),
    callback_url: Type.Optional(WebhookUrl),
    callback_events: Type.Optional(
      Type.Array(Type.Enum(callbackEvents), { minItems: 1, maxItems: callbackEvents.length }),
    ),
  },
  closed,
)
export type CommandInput = Static<typeof CommandInput>

export const CommandSummary = Type.Object(
  Object.fromEntries(commandStatuses.map((status) => [status, Type.Integer()])) as Record<
    (typeof commandStatuses)[number],
    ReturnType<typeof Type.Integer>
  >,
  { description: 'How many executions stand how' },
)
export type CommandSummary = Static<typeof CommandSummary>

/** A command as it stands. What is about one device alone is there where it has one target. */
export const Command = Type.Object({
  command_id: Id,
  status: Type.Enum(commandStatuses),
  sub_status: nullable(Type.Enum(commandSubStatuses)),
  status_reason: nullable(
    Type.String({ description: 'How it ended, or why the last attempt failed; stable, snake_case' }),
  ),
  waiting_for: nullable(WaitingFor),
  command: Type.String(),
  category: Type.Enum(commandCategories),
  target: CommandTarget,
  target_count: Type.Integer(),
  summary: CommandSummary,
  parameters: Type.Record(Type.String(), Type.Unknown()),
  priority: Type.String(),
  timeout_seconds: Type.Integer(),
  delivery: Type.Required(CommandDelivery),
  rollout: Type.Optional(CommandRollout),
  rollout_state: Type.Optional(RolloutStanding),
  verify: Type.Optional(CommandVerify),
  callback_url: Type.Optional(Type.String()),
  callback_events: Type.Optional(Type.Array(Type.Enum(callbackEvents))),
  progress: Type.Optional(Progress),
  result: Type.Optional(CommandResult),
  error: Type.Optional(CommandError),
  late: Type.Optional(Type.Boolean()),
  warnings: Type.Optional(Type.Array(Warning)),
  approved_by: Type.Optional(Type.String({ description: 'The id of the key that approved it' })),
  retry_of: Type.Optional(Id),
  submitted_by: Type.String({ description: 'The id of the key that submitted it' }),
  submitted_at: Timestamp,
  estimated_completion: Timestamp,
  started_at: nullable(Timestamp),
  completed_at: nullable(Timestamp),
  trace_id: Type.String(),
})
export type Command = Static<typeof Command>

/**
 * What the submitter of a command is told; `result` and `completed_at` once it has ended. `sub_status` and `waiting_for` say
 * more of how it stands: at once where it waits for approval, and after a wait.
 */
export const CommandSubmitted = Type.Object({
  command_id: Id,
  status: Type.Enum(commandStatuses),
  submitted_at: Timestamp,
  estimated_completion: Timestamp,
  target_count: Type.Integer(),
  sub_status: Type.Optional(Type.Enum(commandSubStatuses)),
  waiting_for: Type.Optional(WaitingFor),
  result: Type.Optional(CommandResult),
  error: Type.Optional(CommandError),
  summary: Type.Optional(CommandSummary),
  completed_at: Type.Optional(Timestamp),
  warnings: Type.Optional(Type.Array(Warning)),
})
export type CommandSubmitted = Static<typeof CommandSubmitted>

const commandId = { command_id: Id }
const paging = { cursor: Type.Optional(Cursor), limit: Type.Optional(PageLimit) }
const shared = { scope: 'command:execute', narrowable: true, rate: 'command' } as const
const reading = { ...shared, effect: 'read' } as const
const changing = { ...shared, effect: 'write', output: Command, errors: ['NOT_FOUND', 'CONFLICT'] } as const
const onlyId = Type.Object(commandId, closed)
const location = '/v1/commands/{command_id}'

export const commandsExecute = operation({
  ...shared,
  effect: 'write',
  id: 'commands.execute',
  summary: 'Execute a command on one device or on many',
  description:
    'Answers 202 at once, or, with `async: false`, 200 when the command has ended: 202 where that takes longer than `wait_seconds`.',
  http: 'POST /v1/commands/execute',
  status: 202,
  otherSuccess: { status: 200, has: 'completed_at' },
  location,
  idempotent: true,
  bodyBytesMax: 256 * 1024,
  input: CommandInput,
  output: CommandSubmitted,
  errors: ['NOT_FOUND', 'CONFLICT', 'VALIDATION_ERROR'],
})

export const commandsList = operation({
  ...reading,
  id: 'commands.list',
  summary: 'List commands, newest first',
  http: 'GET /v1/commands',
  input: Type.Object(
    {
      status: Type.Optional(Type.Enum(commandStatuses)),
      device_id: Type.Optional(Id),
      category: Type.Optional(Type.Enum(commandCategories)),
      ...paging,
    },
    closed,
  ),
  output: Type.Object({ commands: Type.Array(Command), next_cursor: nullable(Cursor) }),
})

export const commandsGet = operation({
  ...reading,
  id: 'commands.get',
  summary: 'Get a command',
  http: 'GET /v1/commands/{command_id}',
  input: onlyId,
  output: Command,
  errors: ['NOT_FOUND'],
})

export const commandsCancel = operation({
  ...changing,
  id: 'commands.cancel',
  summary: 'Cancel a command',
  description:
    'What no device has yet ends at once. A device that has it is told, and has ten seconds to confirm; CONFLICT: the command has ended.',
  http: 'POST /v1/commands/{command_id}/cancel',
  input: onlyId,
})

export const commandsRetry = operation({
  ...shared,
  effect: 'write',
  id: 'commands.retry',
  summary: 'Submit a command again, for the devices on which it did not complete',
  http: 'POST /v1/commands/{command_id}/retry',
  status: 202,
  location,
  idempotent: true,
  input: onlyId,
  output: CommandSubmitted,
  errors: ['NOT_FOUND', 'CONFLICT'],
})

export const commandsApprove = operation({
  ...changing,
  id: 'commands.approve',
  summary: 'Approve a command that waits for it',
  description: 'By another key than the one that submitted it, or by an admin key.',
  http: 'POST /v1/commands/{command_id}/approve',
  input: onlyId,
})

export const commandsReject = operation({
  ...changing,
  id: 'commands.reject',
  summary: 'Reject a command that waits for approval; it ends as cancelled',
  http: 'POST /v1/commands/{command_id}/reject',
  input: onlyId,
})

export const commandsPause = operation({
  ...changing,
  id: 'commands.pause',
  summary: 'Pause a roll-out: no further device is given the command',
  http: 'POST /v1/commands/{command_id}/pause',
  input: onlyId,
})

export const commandsResume = operation({
  ...changing,
  id: 'commands.resume',
  summary: 'Go on with a roll-out that was paused',
  http: 'POST /v1/commands/{command_id}/resume',
  input: onlyId,
})

/** What a narrowed key may execute alone. */
export function categoryScope(category: CommandCategory) {
  return `command:execute:${category}` as const
}
