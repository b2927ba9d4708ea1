import type { Input, Output, RunOrder } from '@nexus/contract'
import type { Ctx } from '../core/context.ts'
import { invalid } from '../core/failure.ts'
import type { Claim } from '../work/index.ts'
import type { TaskDeps } from './deps.ts'
import { leaseMark, releaseRuns } from './release.ts'
import { runOrders } from './run-orders.ts'
import { workerQueue } from './run-work.ts'
import { giveRunsBack, keepFitting, takenAtOnce, takeRuns } from './take-runs.ts'

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
  noteSeen(deps, input, claim)
  const runs = await takenOrAwaited(deps, ctx, claim, wait_seconds)
  noteSeen(deps, input, claim)
  if (runs.length === 0 || (await isUnheard(deps, input))) return null
  return { runs }
}

/** What is ready by now is weighed as it is taken; what one transaction makes ready while the poll waits, after that. */
async function takenOrAwaited(deps: TaskDeps, ctx: Ctx, claim: Claim, seconds: number): Promise<RunOrder[]> {
  const { store, work } = deps
  const isTakenFirst = seconds === 0 || (claim.max > takenAtOnce && (await work.mayHaveReady(claim.queues)))
  const ready = isTakenFirst ? await keepFitting(deps, await store.write((tx) => takeRuns(deps, tx, claim))) : []
  if (seconds === 0) return ready
  if (ready.length === 0) {
    const over = AbortSignal.any([ctx.signal, AbortSignal.timeout(seconds * 1000)])
    return keepFitting(deps, await runOrders(deps, await work.lease(claim, over)))
  }
  if (!ctx.signal.aborted) return ready
  // Who waited has gone.
  await store.write((tx) => giveRunsBack(deps, tx, ready))
  return []
}

/** A worker looks there. */
export function noteSeen(
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
