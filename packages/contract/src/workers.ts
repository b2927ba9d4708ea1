import Type, { type Static } from 'typebox'
import { ErrorDetails, errorCodes } from './errors.ts'
import { operation } from './operation.ts'
import { AttemptFailure, RunHeld, RunOrder, RunResult, RunStanding, runStatuses } from './runs.ts'
import { Cursor, closed, Id, nullable, PageLimit, Timestamp } from './shapes.ts'
import { HandlerName, WorkerQueue } from './task-definition.ts'
import { taskLimits } from './task-limits.ts'

const working = { scope: 'task:write', rate: 'work' } as const

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
  id: 'workers.list',
  summary: 'List the workers that were heard of in the last 90 seconds, or have runs in hand',
  description: 'Those without a run are known to the node alone that they poll.',
  effect: 'read',
  scope: 'task:read',
  rate: 'task',
  http: 'GET /v1/workers',
  input: Type.Object({ cursor: Type.Optional(Cursor), limit: Type.Optional(PageLimit) }, closed),
  output: Type.Object({ workers: Type.Array(WorkerInfo), next_cursor: nullable(Cursor) }),
})

const PollId = Type.String({
  minLength: 16,
  maxLength: 64,
  pattern: '^[A-Za-z0-9]{16,64}$',
  description: 'Letters and digits; random, and another for each poll',
})

/** Which runs a worker takes. */
const wanted = {
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
      'Letters and digits, by which `workers.release` gives back what this call was answered, should the answer not arrive; random, and another for each call',
  }),
  max: Type.Optional(Type.Integer({ minimum: 1, maximum: taskLimits.leaseMax, default: 1 })),
}

export const workersLease = operation({
  ...working,
  yields: true,
  id: 'workers.lease',
  summary: 'Take runs for a worker, or wait for one',
  description:
    'A lease lasts for 30 seconds, and each heartbeat renews it; a run whose lease is over goes to another worker. One answer has at most 4 MiB of parameters and checkpoints, or one run. 204: nothing came in time.',
  effect: 'lease',
  http: 'POST /v1/workers/{worker_id}/lease',
  otherSuccess: { status: 204, has: null },
  input: Type.Object(
    {
      worker_id: Id,
      ...wanted,
      wait_seconds: Type.Optional(Type.Integer({ minimum: 0, maximum: taskLimits.pollSecondsMax, default: 0 })),
    },
    closed,
  ),
  output: Type.Union([Type.Object({ runs: Type.Array(RunOrder) }), Type.Null()]),
})

export const workersRelease = operation({
  ...working,
  id: 'workers.release',
  summary: 'Give back runs whose answer never came',
  description:
    'What calls of `workers.lease` and `workers.report` with these poll ids were answered, and nobody has reported the end of, others are given at once; the attempt does not count. For who hung up, or whose connection broke, before the answer came.',
  effect: 'write',
  http: 'POST /v1/workers/{worker_id}/release',
  input: Type.Object(
    { worker_id: Id, poll_ids: Type.Array(PollId, { minItems: 1, maxItems: taskLimits.pollsMax }) },
    closed,
  ),
  output: Type.Object({ runs: Type.Array(Type.Object({ run_id: Id, status: Type.Enum(runStatuses) })) }),
})

export const workersHeartbeat = operation({
  ...working,
  id: 'workers.heartbeat',
  summary: 'Renew the leases of all runs that a worker has',
  description:
    'With `wait_seconds` it answers once one of them is to be cancelled, or is the worker’s no more, or the time is over. Its answer has them in the order of the question.',
  effect: 'lease',
  http: 'POST /v1/workers/{worker_id}/heartbeat',
  bodyBytesMax: 256 * 1024,
  input: Type.Object(
    {
      worker_id: Id,
      runs: Type.Array(RunHeld, { minItems: 1, maxItems: taskLimits.heldMax }),
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

/** How an attempt ended: done, with or without a result, unless there is an error. */
export const RunEnd = Type.Object(
  { ...RunHeld.properties, result: Type.Optional(RunResult), error: Type.Optional(AttemptFailure) },
  closed,
)
export type RunEnd = Static<typeof RunEnd>

/** Why the report of one end was not taken, as it would be told of it alone. */
export const RefusedEnd = Type.Object({
  run_id: nullable(Id, 'Null: the end names none'),
  error: Type.Object({ code: Type.Enum(errorCodes), message: Type.String(), details: ErrorDetails }),
})
export type RefusedEnd = Static<typeof RefusedEnd>

export const workersReport = operation({
  ...working,
  id: 'workers.report',
  summary: 'Report how several runs ended, and take the next',
  description:
    'Each is what `runs.complete` or, with an `error`, `runs.fail` would make of it, and is answered by itself in the order of the question: one that is refused, also for its form, refuses no other. What is reported is kept together; where nothing could be kept the call fails, and is to be made again. The same ends again are answered as the first time. With `lease` runs that are ready are given as by `workers.lease`, in the same transaction; it waits for none.',
  effect: 'write',
  http: 'POST /v1/workers/{worker_id}/report',
  bodyBytesMax: taskLimits.reportBytesMax,
  input: Type.Object(
    {
      worker_id: Id,
      ends: Type.Array(RunEnd, { minItems: 1, maxItems: taskLimits.endsMax }),
      lease: Type.Optional(Type.Object(wanted, closed)),
    },
    closed,
  ),
  output: Type.Object({
    ends: Type.Array(Type.Union([RunStanding, RefusedEnd])),
    runs: Type.Array(RunOrder, { description: 'What the worker is given; none where it asked for none' }),
  }),
})
