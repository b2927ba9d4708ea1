import Type, { type Static } from 'typebox'
import { CommandName, CommandParameters, CommandTarget } from './commands.ts'
import { eventTypes } from './events.ts'
import { closed, Id, Seconds, Timestamp } from './shapes.ts'
import { taskLimits } from './task-limits.ts'
import { QueryInput } from './telemetry.ts'
import { WebhookUrl } from './webhooks.ts'

/** The specification's types ("Task Types"). */
export const taskTypes = ['scheduled', 'one_time', 'event_driven', 'dependent'] as const
export type TaskType = (typeof taskTypes)[number]

export const namePattern = '^[^\\x00-\\x1f\\x7f]+$'

const Name = (description: string) =>
  Type.String({
    minLength: 1,
    maxLength: taskLimits.nameLengthMax,
    pattern: namePattern,
    description: `Without control characters: ${description}`,
  })

export const queuePattern = '^[A-Za-z0-9_][\\w.\\-]*$'
export const queueLengthMax = 64

export const WorkerQueue = Type.String({
  minLength: 1,
  maxLength: queueLengthMax,
  pattern: queuePattern,
  description: 'Letters, digits, `_`, `.` and `-`, neither of the last two in front: where workers look for runs',
})

export const HandlerName = Name('by which a worker knows what to do')

export const TaskSchedule = Type.Object(
  {
    cron: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 256,
        description: 'Five fields, six with seconds in front, or a nickname such as `@daily`',
      }),
    ),
    every: Type.Optional(
      Type.String({ minLength: 1, maxLength: 16, description: 'A time such as `15m`, counted from `start_at`' }),
    ),
    run_at: Type.Optional({ ...Timestamp, description: 'Of a `one_time` task; unless given, at once' }),
    timezone: Type.Optional(
      Type.String({ minLength: 1, maxLength: 64, description: 'An IANA time zone; UTC unless given' }),
    ),
    start_at: Type.Optional({ ...Timestamp, description: 'No tick before' }),
    end_at: Type.Optional({ ...Timestamp, description: 'No tick from then on' }),
    jitter_seconds: Type.Optional(
      Seconds(86_400, { minimum: 0, description: 'Spreads the runs of a tick; the same for the same tick' }),
    ),
    dst: Type.Optional(
      Type.Object(
        {
          gap: Type.Optional(Type.Enum(['shift', 'skip'] as const)),
          repeat: Type.Optional(Type.Enum(['first', 'both'] as const)),
        },
        { ...closed, description: 'What becomes of a local time that does not exist, or comes twice' },
      ),
    ),
  },
  { ...closed, minProperties: 1 },
)
export type TaskSchedule = Static<typeof TaskSchedule>

export const TaskTrigger = Type.Object(
  {
    event_types: Type.Array(Type.Enum(eventTypes), { minItems: 1, maxItems: taskLimits.eventTypesMax }),
    filters: Type.Optional(
      Type.Record(Type.String(), Type.Unknown(), { description: "The grammar of event streams, on the event's data" }),
    ),
    debounce_seconds: Type.Optional(
      Seconds(86_400, { minimum: 0, description: 'A run once no event came for so long, about the last of them' }),
    ),
    dedupe_key: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 256,
        description:
          'Of events with the same key one run waits at most; a template, such as `\u0024{event.data.device_id}`',
      }),
    ),
  },
  closed,
)
export type TaskTrigger = Static<typeof TaskTrigger>

/** Who does the work. */
export const TaskHandler = Type.Union([
  Type.Object(
    {
      type: Type.Literal('worker'),
      queue: Type.Optional(WorkerQueue),
      name: Type.Optional(HandlerName),
    },
    { ...closed, description: 'A worker that leases it; `queue` is `default`, `name` that of the task, unless given' },
  ),
  Type.Object(
    {
      type: Type.Literal('http'),
      url: WebhookUrl,
      method: Type.Optional(Type.Enum(['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const)),
      headers: Type.Optional(
        Type.Record(
          Type.String({ pattern: "^[A-Za-z0-9!#$%&'*+.^_`|~\\-]{1,64}$" }),
          Type.String({ maxLength: 1024, pattern: '^[\\x20-\\x7e]*$' }),
          { maxProperties: 20, additionalProperties: false },
        ),
      ),
      expect: Type.Optional(
        Type.String({
          pattern: '^([1-5]xx|[1-5]\\d\\d)$',
          description: 'Which status is a success; `2xx` unless given',
        }),
      ),
    },
    { ...closed, description: 'A request of Nexus; its body is the parameters' },
  ),
  Type.Object(
    {
      type: Type.Literal('command'),
      command: CommandName,
      target: CommandTarget,
      parameters: Type.Optional(CommandParameters),
    },
    { ...closed, description: 'A command to devices; the parameters of the task are laid over these' },
  ),
  Type.Object(
    {
      type: Type.Literal('telemetry_query'),
      query: Type.Object(
        {
          ...Type.Omit(QueryInput, ['start_time', 'end_time', 'cursor']).properties,
          last: Type.String({ pattern: '^[1-9]\\d{0,5}[smhd]$', description: 'How far back, as in `24h`' }),
        },
        closed,
      ),
    },
    { ...closed, description: 'A query of telemetry; its rows are the result' },
  ),
])
export type TaskHandler = Static<typeof TaskHandler>

export const DependencyPolicy = Type.Object(
  {
    condition: Type.Optional(Type.Enum(['all_success', 'all_done', 'any_success'] as const)),
    on_failure: Type.Optional(Type.Enum(['wait', 'skip', 'fail'] as const)),
    timeout_seconds: Type.Optional(
      Seconds(taskLimits.waitSecondsMax, {
        description: 'How long a run waits; it is skipped then, or failed where `on_failure` is `fail`',
      }),
    ),
  },
  closed,
)
export type DependencyPolicy = Static<typeof DependencyPolicy>

export const TaskGuard = Type.Object(
  {
    query: Type.String({
      minLength: 1,
      maxLength: 256,
      description: 'What must hold in live telemetry, such as `avg(cpu_usage) < 70 over 5m`',
    }),
    device_id: Type.Optional({ ...Id, description: 'Of this device alone' }),
    tags: Type.Optional(
      Type.Record(Type.String({ minLength: 1 }), Type.String(), { minProperties: 1, maxProperties: 50 }),
    ),
    else: Type.Optional(Type.Enum(['wait', 'skip'] as const, { description: '`wait` unless given' })),
  },
  closed,
)
export type TaskGuard = Static<typeof TaskGuard>

export const RunRetryPolicy = Type.Object(
  {
    max_retries: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: taskLimits.retriesMax,
        description: 'After the first attempt; 0: at most once, even if the worker is lost',
      }),
    ),
    backoff_multiplier: Type.Optional(Type.Number({ minimum: 1, maximum: 100 })),
    initial_delay_seconds: Type.Optional(Type.Number({ minimum: 0, maximum: taskLimits.delaySecondsMax })),
    max_delay_seconds: Type.Optional(Type.Number({ minimum: 0, maximum: taskLimits.delaySecondsMax })),
    jitter: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
  },
  { ...closed, description: 'Delay n is initial_delay_seconds × backoff_multiplier^(n-1), at most max_delay_seconds' },
)
export type RunRetryPolicy = Static<typeof RunRetryPolicy>

export const misfirePolicies = ['run_once', 'skip', 'run_all'] as const
export const overlapPolicies = ['skip', 'queue_one', 'queue_all', 'cancel_running', 'allow'] as const

export const TaskMisfire = Type.Object(
  {
    policy: Type.Optional(Type.Enum(misfirePolicies)),
    grace_seconds: Type.Optional(
      Seconds(taskLimits.waitSecondsMax, { minimum: 0, description: 'Older ticks are missed, whatever the policy' }),
    ),
    max: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: taskLimits.misfireMax,
        description: 'How many runs `run_all` makes at most; 10 unless given',
      }),
    ),
  },
  { ...closed, description: 'What becomes of ticks that came while nobody was there' },
)

export const TaskParameters = Type.Record(Type.String({ minLength: 1, maxLength: 128 }), Type.Unknown(), {
  maxProperties: 256,
  description:
    'Handed to the run; `\u0024{run.scheduled_for}`, `\u0024{parameters.x}`, `\u0024{deps.<task_id>.result.x}`, `\u0024{event.data.x}` are replaced, and `\u0024\u0024{` is what it says without the first `\u0024`',
})

export const TaskTags = Type.Record(
  Type.String({ pattern: '^[^\\x00-\\x20\\x7f:,]{1,64}$' }),
  Type.String({ maxLength: taskLimits.tagLengthMax, pattern: '^[^\\x00-\\x1f\\x7f,]*$' }),
  { maxProperties: taskLimits.tagsMax, additionalProperties: false },
)

const definitionFields = {
  name: Name('What people and, unless the handler says otherwise, workers call it'),
  description: Type.Optional(Type.String({ maxLength: taskLimits.descriptionLengthMax, pattern: '^[^\\x00]*$' })),
  schedule: Type.Optional(TaskSchedule),
  trigger: Type.Optional(TaskTrigger),
  handler: Type.Optional(TaskHandler),
  parameters: Type.Optional(TaskParameters),
  dependencies: Type.Optional(
    Type.Array(Id, {
      maxItems: taskLimits.dependenciesMax,
      description: 'Tasks that come before it',
    }),
  ),
  dependency_policy: Type.Optional(DependencyPolicy),
  guard: Type.Optional(TaskGuard),
  retry_policy: Type.Optional(RunRetryPolicy),
  timeout_seconds: Type.Optional(
    Seconds(taskLimits.timeoutSecondsMax, { description: 'How long an attempt may take' }),
  ),
  priority: Type.Optional(Type.Enum(['low', 'normal', 'high', 'urgent'] as const)),
  misfire: Type.Optional(TaskMisfire),
  overlap: Type.Optional(
    Type.Enum(overlapPolicies, {
      description:
        'What becomes of a run while the one before has not ended; unless given `skip` for ticks, `allow` for events, `queue_all` for dependencies',
    }),
  ),
  max_runs: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 1_000_000_000,
      description: 'It is completed after so many that it made by itself: ticks, events, dependencies',
    }),
  ),
  pause_after_failures: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 1000, description: 'It is paused once so many runs in a row failed' }),
  ),
  tags: Type.Optional(TaskTags),
} as const

/** What a client says of a task. */
export const TaskDefinition = Type.Object({ type: Type.Enum(taskTypes), ...definitionFields }, closed)
export type TaskDefinition = Static<typeof TaskDefinition>
