import type { Input, Output } from '@nexus/contract'
import type { Ctx } from '../core/context.ts'
import type { Reported, WorkItem } from '../work/index.ts'
import type { TaskDeps } from './deps.ts'
import { runStanding } from './run-standing.ts'
import { workQueueOf } from './run-work.ts'

/** Renews all leases of a worker at once, and may wait for one to be cancelled or lost. */
export async function heartbeatWorker(
  deps: TaskDeps,
  ctx: Ctx,
  input: Input<'workers.heartbeat'>,
): Promise<Output<'workers.heartbeat'>> {
  const { worker_id, runs, wait_seconds = 0 } = input
  deps.workers.heard(worker_id)
  const watched = deps.watch.open(runs.map(({ run_id }) => run_id))
  try {
    const standing = await renewAll(deps, runs)
    const isNews = standing.some(({ lost, cancel_requested }) => lost || cancel_requested)
    if (wait_seconds === 0 || isNews) return { runs: standing }
    await untilNews(deps, watched, runs, AbortSignal.any([ctx.signal, AbortSignal.timeout(wait_seconds * 1000)]))
    return { runs: await renewAll(deps, runs) }
  } finally {
    watched.end()
  }
}

/** How often it is looked for what happened on another node. */
const lookMs = 2000

async function untilNews(
  { work }: TaskDeps,
  watched: ReturnType<TaskDeps['watch']['open']>,
  held: Input<'workers.heartbeat'>['runs'],
  over: AbortSignal,
): Promise<void> {
  const tokens = new Map(held.map(({ run_id, lease_token }) => [run_id, lease_token]))
  while (!over.aborted) {
    const isHere = await watched.next(AbortSignal.any([over, AbortSignal.timeout(lookMs)]))
    if (isHere) return
    const items = await work.find([...tokens.keys()])
    if (
      items.some(({ id, leaseToken, cancelRequestedAt }) => leaseToken !== tokens.get(id) || cancelRequestedAt !== null)
    )
      return
  }
}

async function renewAll(
  { store, work, workers }: TaskDeps,
  held: Input<'workers.heartbeat'>['runs'],
): Promise<Output<'workers.heartbeat'>['runs']> {
  const reports = held.map(({ run_id: id, lease_token: leaseToken }) => ({ id, leaseToken, kind: 'alive' as const }))
  const reported = await store.write((tx) => work.report(tx, reports))
  // What a worker has is known by its work; but for what it lost nothing is read.
  const lost = await store.findRuns(reported.filter((one) => !isHeldRun(one)).map(({ id }) => id))
  const places = [...reported.filter(isHeldRun).map(({ queue }) => queue), ...lost.map(({ plan }) => workQueueOf(plan))]
  workers.note([...new Set(places)])
  const known = new Map(lost.map((run) => [run.runId, run]))
  return reported.map((item) => {
    if (isHeldRun(item)) return { ...runStanding({ runId: item.id, status: 'running' }, item), lost: false }
    const run = known.get(item.id)
    if (!run) return { run_id: item.id, status: null, cancel_requested: false, lease_expires_at: null, lost: true }
    return { ...runStanding(run, undefined), lost: true }
  })
}

function isHeldRun(reported: Reported): reported is WorkItem {
  return 'state' in reported && reported.kind === 'task'
}
