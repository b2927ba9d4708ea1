import type { Input, Output, RunOrder } from '@nexus/contract'
import { toIso } from '../core/clock.ts'
import type { Ctx, Tx } from '../core/context.ts'
import { invalid } from '../core/failure.ts'
import type { Claim, WorkItem } from '../work/index.ts'
import type { TaskDeps } from './deps.ts'
import type { RunRecord } from './record.ts'
import { leaseMark, releaseRuns } from './release.ts'
import { workerQueue, workNameOf } from './run-work.ts'

/** A look is a search in each of them. */
const placesMax = 200

/** What is looked for on behalf of a worker. Errors: INVALID_REQUEST (more queues times names than are looked at). */
export function claimOf({ worker_id, queues = ['default'], names, max = 1, poll_id }: Input<'workers.lease'>): Claim {
  const at = [...new Set(queues)].flatMap((queue) => [...new Set(names)].map((name) => workerQueue(queue, name)))
  if (at.length > placesMax)
    throw invalid('names', `with ${queues.length} queues are ${at.length} places to look: at most ${placesMax}`)
  const mark = poll_id && leaseMark(poll_id)
  return { queues: at.map((queue) => ({ kind: 'task', queue })), worker: worker_id, max, mark }
}

/** The long poll of a worker. Errors: INVALID_REQUEST (more queues times names than are looked at). */
export async function leaseRuns(
  deps: TaskDeps,
  ctx: Ctx,
  input: Input<'workers.lease'>,
): Promise<Output<'workers.lease'>> {
  const { wait_seconds = 0 } = input
  const claim = claimOf(input)
  noteLook(deps, input, claim)
  const items =
    wait_seconds === 0
      ? await deps.store.write((tx) => deps.work.claim(tx, claim))
      : await deps.work.lease(claim, AbortSignal.any([ctx.signal, AbortSignal.timeout(wait_seconds * 1000)]))
  noteLook(deps, input, claim)
  if (items.length === 0 || (await isUnheard(deps, input))) return null
  return { runs: await runOrders(deps, items) }
}

/** A worker looks there. */
export function noteLook(
  { workers }: Pick<TaskDeps, 'workers'>,
  { worker_id, queues = ['default'], names }: Pick<Input<'workers.lease'>, 'worker_id' | 'queues' | 'names'>,
  claim: Claim,
): void {
  workers.note(claim.queues.map(({ queue }) => queue))
  workers.heard(worker_id, { queues, names })
}

/** Whether it has hung up, and said so already; then what it was given is given back. */
export async function isUnheard(
  deps: TaskDeps,
  { worker_id, poll_id }: Pick<Input<'workers.lease'>, 'worker_id' | 'poll_id'>,
): Promise<boolean> {
  if (poll_id === undefined || !deps.workers.hasReleased(poll_id)) return false
  await deps.store.write((tx) => releaseRuns(deps, { tx }, { worker_id, poll_ids: [poll_id] }))
  return true
}

/** What workers are told of runs that they were given, in the transaction that gave them or after it. */
export async function runOrders(
  { store }: Pick<TaskDeps, 'store'>,
  items: readonly WorkItem[],
  tx?: Tx,
): Promise<RunOrder[]> {
  const ids = items.map(({ id }) => id)
  const found = tx ? await store.findRuns(ids, tx) : await store.givenRuns(ids)
  const runs = new Map(found.map((run) => [run.runId, run]))
  return items.flatMap((item) => {
    const run = runs.get(item.id)
    return run ? [orderOf(item, run)] : []
  })
}

function orderOf(item: WorkItem, run: RunRecord): RunOrder {
  return {
    run_id: run.runId,
    task_id: run.taskId,
    name: workNameOf(run.plan),
    attempt: item.attempt,
    lease_token: item.leaseToken!,
    lease_expires_at: toIso(item.leaseExpiresAt!),
    deadline: item.deadline === null ? null : toIso(item.deadline),
    // What is given has just been leased.
    time_left_ms: item.deadline === null ? null : Math.max(0, item.deadline - item.leaseExpiresAt! + item.leaseMs),
    scheduled_for: run.scheduledFor === null ? null : toIso(run.scheduledFor),
    parameters: { ...run.parameters },
    checkpoint: run.checkpoint,
    trace_id: run.traceId,
  }
}
