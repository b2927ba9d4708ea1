import Type, { type Static } from 'typebox'
import { LeaseToken, LogLine, logLevels, WaitingFor } from './executions.ts'
import { operation } from './operation.ts'
import { Cursor, closed, Id, nullable, PageLimit, Timestamp } from './shapes.ts'
import { WorkerQueue } from './task-definition.ts'
import { taskLimits } from './task-limits.ts'

/**
 *     queued -> running -> completed | failed | timeout | cancelled
 *        ^         |
 *        +---------+ another attempt
 *
 * A queued run can also end as timeout, cancelled or skipped; `skipped` and `missed` runs never ran.
 */
export const runStatuses = [
  'queued',
  'running',
  'completed',
  'failed',
  'timeout',
  'cancelled',
  'skipped',
  'missed',
] as const
export type RunStatus = (typeof runStatuses)[number]

/** What a status is about more exactly. */
export const runSubStatuses = [
  'dependency',
  'guard',
  'concurrency',
  'paused',
  'no_worker',
  'retry_wait',
  'executing',
  'cancelling',
] as const
export type RunSubStatus = (typeof runSubStatuses)[number]

/** Why there is a run. */
export const runCauses = ['schedule', 'once', 'event', 'dependency', 'manual', 'backfill', 'retry'] as const
export type RunCause = (typeof runCauses)[number]

export const RunError = Type.Object({
  code: Type.String({ minLength: 1, maxLength: 128, description: "Stable; the worker's own word or Nexus's" }),
  message: Type.String({ maxLength: taskLimits.errorMessageLengthMax }),
})
export type RunError = Static<typeof RunError>

export const RunProgress = Type.Object(
  {
    percent: Type.Optional(Type.Number({ minimum: 0, maximum: 100 })),
    message: Type.Optional(Type.String({ maxLength: taskLimits.messageLengthMax })),
  },
  { ...closed, minProperties: 1 },
)
export type RunProgress = Static<typeof RunProgress>

/** A run of a task, as it stands. */
export const Run = Type.Object({
  run_id: Id,
  task_id: Id,
  name: Type.String({ description: "The task's, when the run was made" }),
  status: Type.Enum(runStatuses),
  sub_status: nullable(Type.Enum(runSubStatuses)),
  status_reason: nullable(Type.String({ description: 'How it ended; stable, snake_case' })),
  waiting_for: nullable(WaitingFor),
  cause: Type.Enum(runCauses),
  scheduled_for: nullable({ ...Timestamp, description: 'Its tick' }),
  attempt: Type.Integer({ description: 'How often it was given to a worker' }),
  parameters: Type.Record(Type.String(), Type.Unknown()),
  progress: nullable(RunProgress),
  result: Type.Unknown({ description: 'Any JSON; null: none' }),
  error: nullable(RunError),
  worker_id: nullable(Type.String()),
  retry_of: Type.Optional(Id),
  created_at: Timestamp,
  started_at: nullable(Timestamp),
  completed_at: nullable(Timestamp),
  next_attempt_at: nullable(Timestamp),
  trace_id: Type.String(),
})
export type Run = Static<typeof Run>

/** What a worker is given to do. */
export const RunOrder = Type.Object({
  run_id: Id,
  task_id: Id,
  name: Type.String({ description: 'By which the worker knows what to do' }),
  attempt: Type.Integer({ description: 'From 1' }),
  lease_token: LeaseToken,
  lease_expires_at: Timestamp,
  deadline: nullable({ ...Timestamp, description: 'When the attempt has to be over' }),
  time_left_ms: nullable(Type.Integer({ description: 'Until the deadline, whatever the clock of the worker says' })),
  scheduled_for: nullable(Timestamp),
  parameters: Type.Record(Type.String(), Type.Unknown()),
  checkpoint: Type.Unknown({ description: 'The last one of the attempts before; null: none' }),
  trace_id: Type.String(),
})
export type RunOrder = Static<typeof RunOrder>

/** What every report of a worker is answered with. */
export const RunStanding = Type.Object({
  run_id: Id,
  status: Type.Enum(runStatuses),
  cancel_requested: Type.Boolean({ description: 'Stop, and report so with `runs.fail` and the code `cancelled`' }),
  lease_expires_at: nullable(Timestamp),
})
export type RunStanding = Static<typeof RunStanding>

/** A line that a worker logged. */
export const RunLogLine = Type.Object({
  seq: Type.Integer(),
  attempt: Type.Integer(),
  at: Timestamp,
  level: Type.Enum(logLevels),
  message: Type.String(),
})
export type RunLogLine = Static<typeof RunLogLine>

const paging = { cursor: Type.Optional(Cursor), limit: Type.Optional(PageLimit) }
const runId = { run_id: Id }
const onlyRun = Type.Object(runId, closed)
const reading = { effect: 'read', scope: 'task:read', rate: 'task', errors: ['NOT_FOUND'] } as const
const changing = { effect: 'write', scope: 'task:write', rate: 'task', errors: ['NOT_FOUND', 'CONFLICT'] } as const
const working = {
  effect: 'write',
  scope: 'task:write',
  rate: 'work',
  output: RunStanding,
  errors: ['NOT_FOUND', 'CONFLICT'],
} as const
const held = { ...runId, lease_token: LeaseToken }
/** An attempt as its worker has it in hand. */
export const RunHeld = Type.Object(held, closed)
export const RunResult = Type.Unknown({ description: 'Any JSON up to 192 KiB' })
/** How an attempt failed, as its worker says it. */
export const AttemptFailure = Type.Object(
  {
    ...RunError.properties,
    message: Type.String({
      maxLength: taskLimits.errorMessageSaidMax,
      description: 'Of a longer one the first 8,192 characters are kept, the last of which says so: `…`',
    }),
    retryable: Type.Optional(Type.Boolean({ default: true })),
    retry_after_seconds: Type.Optional(Type.Number({ minimum: 0, maximum: taskLimits.delaySecondsMax })),
  },
  closed,
)
const Checkpoint = Type.Unknown({ description: 'Any JSON up to 64 KiB: the next attempt is given it' })

export const runsList = operation({
  ...reading,
  id: 'tasks.runs.list',
  summary: "List a task's runs, newest first",
  description:
    'A page may have fewer runs than its limit where they are large: there are more as long as there is a cursor.',
  http: 'GET /v1/tasks/{task_id}/runs',
  input: Type.Object({ task_id: Id, status: Type.Optional(Type.Enum(runStatuses)), ...paging }, closed),
  output: Type.Object({ runs: Type.Array(Run), next_cursor: nullable(Cursor) }),
})

export const runsListAll = operation({
  ...reading,
  id: 'runs.list',
  summary: 'List runs of all tasks, newest first',
  description:
    'A page may have fewer runs than its limit, or none, where few of those that were looked at are wanted, or they are large: there are more as long as there is a cursor.',
  http: 'GET /v1/runs',
  input: Type.Object(
    {
      status: Type.Optional(Type.Enum(runStatuses)),
      task_id: Type.Optional(Id),
      queue: Type.Optional({ ...WorkerQueue, description: 'Where workers look for them' }),
      worker_id: Type.Optional({ ...Id, description: 'Who has them, or had them last' }),
      ...paging,
    },
    closed,
  ),
  output: Type.Object({ runs: Type.Array(Run), next_cursor: nullable(Cursor) }),
  errors: [],
})

export const runsGet = operation({
  ...reading,
  rate: 'other',
  id: 'runs.get',
  summary: 'Get a run',
  http: 'GET /v1/runs/{run_id}',
  input: onlyRun,
  output: Run,
})

export const runLogsList = operation({
  ...reading,
  rate: 'other',
  id: 'runs.logs.list',
  summary: 'List what a run logged, in the order in which it came',
  http: 'GET /v1/runs/{run_id}/logs',
  input: Type.Object({ ...runId, ...paging }, closed),
  output: Type.Object({
    lines: Type.Array(RunLogLine),
    dropped: Type.Integer({ description: 'Lines beyond the bound of a run' }),
    next_cursor: nullable(Cursor),
  }),
})

export const runsCancel = operation({
  ...changing,
  id: 'runs.cancel',
  summary: 'Cancel a run',
  description: 'A run that no worker has ends at once. A worker that has it is told, and has ten seconds to confirm.',
  http: 'POST /v1/runs/{run_id}/cancel',
  input: onlyRun,
  output: Run,
})

export const runsRetry = operation({
  ...changing,
  id: 'runs.retry',
  summary: 'Run again what a run that has ended was about',
  http: 'POST /v1/runs/{run_id}/retry',
  status: 202,
  location: '/v1/runs/{run_id}',
  idempotent: true,
  input: onlyRun,
  output: Run,
})

export const runsHeartbeat = operation({
  ...working,
  id: 'runs.heartbeat',
  summary: 'Report that a run is under way; renews its lease',
  http: 'POST /v1/runs/{run_id}/heartbeat',
  bodyBytesMax: 128 * 1024,
  input: Type.Object({ ...held, progress: Type.Optional(RunProgress), checkpoint: Type.Optional(Checkpoint) }, closed),
})

export const runsComplete = operation({
  ...working,
  id: 'runs.complete',
  summary: 'Report that a run is done',
  description: 'The same report again is answered as the first.',
  http: 'POST /v1/runs/{run_id}/complete',
  bodyBytesMax: 256 * 1024,
  input: Type.Object({ ...held, result: Type.Optional(RunResult) }, closed),
})

export const runsFail = operation({
  ...working,
  id: 'runs.fail',
  summary: 'Report that an attempt failed',
  description:
    'Another attempt follows, unless that was the last, or `retryable` is false. The same report again is answered as the first, until the next attempt has begun.',
  http: 'POST /v1/runs/{run_id}/fail',
  bodyBytesMax: 256 * 1024,
  input: Type.Object({ ...held, error: AttemptFailure }, closed),
})

export const runsLogs = operation({
  ...working,
  yields: true,
  id: 'runs.logs.add',
  summary: 'Report what a run logged; renews its lease',
  http: 'POST /v1/runs/{run_id}/logs',
  bodyBytesMax: 512 * 1024,
  input: Type.Object(
    { ...held, lines: Type.Array(LogLine, { minItems: 1, maxItems: taskLimits.logLinesMax }) },
    closed,
  ),
})
