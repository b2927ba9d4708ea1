import Type, { type Static } from 'typebox'
import { LeaseToken, LogLine, logLevels, WaitingFor } from './executions.ts'
import { operation } from './operation.ts'
import { Cursor, Id, nullable, PageLimit, Timestamp } from './shapes.ts'
import { HandlerName, WorkerQueue } from './task-definition.ts'
import { taskLimits } from './task-limits.ts'

const closed = { additionalProperties: false } as const

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
  message: Type.String({ maxLength: taskLimits.messageLengthMax }),
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
const Checkpoint = Type.Unknown({ description: 'Any JSON up to 64 KiB: the next attempt is given it' })

export const runsList = operation({
  ...reading,
  id: 'tasks.runs.list',
  summary: "List a task's runs, newest first",
  http: 'GET /v1/tasks/{task_id}/runs',
  input: Type.Object({ task_id: Id, status: Type.Optional(Type.Enum(runStatuses)), ...paging }, closed),
  output: Type.Object({ runs: Type.Array(Run), next_cursor: nullable(Cursor) }),
})

export const runsListAll = operation({
  ...reading,
  id: 'runs.list',
  summary: 'List runs of all tasks, newest first',
  description:
    'A page may have fewer runs than its limit, or none, where few of those that were looked at are wanted: there are more as long as there is a cursor.',
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

/** A worker as far as it is known. */
export const WorkerInfo = Type.Object({
  worker_id: Id,
  queues: Type.Array(WorkerQueue, {
    description: 'Where it looked last; of one that polls another node, where its runs are from',
  }),
  names: Type.Array(HandlerName, { description: 'What it knows to do; the same holds' }),
  runs: Type.Integer({ description: 'How many it has in hand' }),
  last_seen_at: nullable(Timestamp, 'When it last polled or reported; null: it did so to another node'),
})
export type WorkerInfo = Static<typeof WorkerInfo>

export const workersList = operation({
  ...reading,
  id: 'workers.list',
  summary: 'List the workers that were heard of in the last 90 seconds, or have runs in hand',
  description: 'Those without a run are known to the node alone that they poll.',
  http: 'GET /v1/workers',
  input: Type.Object(paging, closed),
  output: Type.Object({ workers: Type.Array(WorkerInfo), next_cursor: nullable(Cursor) }),
  errors: [],
})

const PollId = Type.String({ pattern: '^[A-Za-z0-9]{16,64}$', description: 'Random, and another for each poll' })

export const workersLease = operation({
  id: 'workers.lease',
  summary: 'Take runs for a worker, or wait for one',
  description:
    'A lease lasts for 30 seconds, and each heartbeat renews it; a run whose lease is over goes to another worker. 204: nothing came in time.',
  effect: 'lease',
  scope: 'task:write',
  rate: 'work',
  http: 'POST /v1/workers/{worker_id}/lease',
  otherSuccess: { status: 204, has: null },
  input: Type.Object(
    {
      worker_id: Id,
      queues: Type.Optional(
        Type.Array(WorkerQueue, { minItems: 1, maxItems: taskLimits.queuesMax, description: '`default` unless given' }),
      ),
      names: Type.Array(HandlerName, {
        minItems: 1,
        maxItems: taskLimits.namesMax,
        description: 'What the worker knows to do: the names of handlers, which are those of their tasks unless given',
      }),
      poll_id: Type.Optional({
        ...PollId,
        description:
          'By which `workers.release` gives back what this call was answered, should the answer not arrive; random, and another for each call',
      }),
      max: Type.Optional(Type.Integer({ minimum: 1, maximum: taskLimits.leaseMax, default: 1 })),
      wait_seconds: Type.Optional(Type.Integer({ minimum: 0, maximum: taskLimits.pollSecondsMax, default: 0 })),
    },
    closed,
  ),
  output: Type.Union([Type.Object({ runs: Type.Array(RunOrder) }), Type.Null()]),
})

export const workersRelease = operation({
  id: 'workers.release',
  summary: 'Give back runs whose answer never came',
  description:
    'What calls of `workers.lease` with these poll ids were answered, and nobody has reported the end of, others are given at once; the attempt does not count. For who hung up, or whose connection broke, before the answer came.',
  effect: 'write',
  scope: 'task:write',
  rate: 'work',
  http: 'POST /v1/workers/{worker_id}/release',
  input: Type.Object(
    { worker_id: Id, poll_ids: Type.Array(PollId, { minItems: 1, maxItems: taskLimits.pollsMax }) },
    closed,
  ),
  output: Type.Object({ runs: Type.Array(Type.Object({ run_id: Id, status: Type.Enum(runStatuses) })) }),
})

export const workersHeartbeat = operation({
  id: 'workers.heartbeat',
  summary: 'Renew the leases of all runs that a worker has',
  description:
    'With `wait_seconds` it answers once one of them is to be cancelled, or is the worker’s no more, or the time is over. Its answer has them in the order of the question.',
  effect: 'lease',
  scope: 'task:write',
  rate: 'work',
  http: 'POST /v1/workers/{worker_id}/heartbeat',
  bodyBytesMax: 256 * 1024,
  input: Type.Object(
    {
      worker_id: Id,
      runs: Type.Array(Type.Object(held, closed), { minItems: 1, maxItems: taskLimits.heldMax }),
      wait_seconds: Type.Optional(Type.Integer({ minimum: 0, maximum: 15, default: 0 })),
    },
    closed,
  ),
  output: Type.Object({
    runs: Type.Array(
      Type.Object({
        ...RunStanding.properties,
        status: nullable(Type.Enum(runStatuses), 'Null: there is no such run'),
        lost: Type.Boolean({ description: 'The lease is over: stop working on it, and report nothing' }),
      }),
    ),
  }),
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
  input: Type.Object(
    { ...held, result: Type.Optional(Type.Unknown({ description: 'Any JSON up to 192 KiB' })) },
    closed,
  ),
})

export const runsFail = operation({
  ...working,
  id: 'runs.fail',
  summary: 'Report that an attempt failed',
  description:
    'Another attempt follows, unless that was the last, or `retryable` is false. The same report again is answered as the first.',
  http: 'POST /v1/runs/{run_id}/fail',
  input: Type.Object(
    {
      ...held,
      error: Type.Object(
        {
          ...RunError.properties,
          retryable: Type.Optional(Type.Boolean({ default: true })),
          retry_after_seconds: Type.Optional(Type.Number({ minimum: 0, maximum: taskLimits.delaySecondsMax })),
        },
        closed,
      ),
    },
    closed,
  ),
})

export const runsLogs = operation({
  ...working,
  id: 'runs.logs.add',
  summary: 'Report what a run logged; renews its lease',
  http: 'POST /v1/runs/{run_id}/logs',
  bodyBytesMax: 512 * 1024,
  input: Type.Object(
    { ...held, lines: Type.Array(LogLine, { minItems: 1, maxItems: taskLimits.logLinesMax }) },
    closed,
  ),
})
