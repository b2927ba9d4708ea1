import type { Input, Output, RunOrder } from '@nexus/contract'
import { toIso } from '../core/clock.ts'
import type { Ctx } from '../core/context.ts'
import { invalid } from '../core/failure.ts'
import type { WorkItem } from '../work/index.ts'
import type { TaskDeps } from './deps.ts'
import type { RunRecord } from './record.ts'
import { leaseMark, releaseRuns } from './release.ts'
import { workerQueue, workNameOf } from './run-work.ts'

/** A look is a search in each of them. */
const placesMax = 200

/** The long poll of a worker. Errors: INVALID_REQUEST (more queues times names than are looked at). */
export async function leaseRuns(
  deps: TaskDeps,
  ctx: Ctx,
  { worker_id, queues = ['default'], names, max = 1, wait_seconds = 0, poll_id }: Input<'workers.lease'>,
): Promise<Output<'workers.lease'>> {
  const at = [...new Set(queues)].flatMap((queue) => [...new Set(names)].map((name) => workerQueue(queue, name)))
  if (at.length > placesMax)
    throw invalid('names', `with ${queues.length} queues are ${at.length} places to look: at most ${placesMax}`)
  const heard = () => {
    deps.workers.note(at)
    deps.workers.heard(worker_id, { queues, names })
  }
  heard()
  const mark = poll_id && leaseMark(poll_id)
  const wanted = { queues: at.map((queue) => ({ kind: 'task' as const, queue })), worker: worker_id, max, mark }
  const items =
    wait_seconds === 0
      ? await deps.store.write((tx) => deps.work.claim(tx, wanted))
      : await deps.work.lease(wanted, AbortSignal.any([ctx.signal, AbortSignal.timeout(wait_seconds * 1000)]))
  heard()
  if (items.length === 0) return null
  // It has hung up, and said so already.
  if (poll_id !== undefined && deps.workers.hasReleased(poll_id)) {
    await deps.store.write((tx) => releaseRuns(deps, { tx }, { worker_id, poll_ids: [poll_id] }))
    return null
  }
  return { runs: await runOrders(deps, items) }
}

/** What workers are told of runs that they were given. */
export async function runOrders({ store }: Pick<TaskDeps, 'store'>, items: readonly WorkItem[]): Promise<RunOrder[]> {
  const found = await store.findRuns(items.map(({ id }) => id))
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
