import { type RunOrder, taskLimits } from '@nexus/contract'
import type { Tx } from '../core/context.ts'
import { countWithin } from '../core/count-within.ts'
import type { Claim } from '../work/index.ts'
import type { TaskDeps } from './deps.ts'
import { runOrders } from './run-orders.ts'

/** So many are taken whatever they weigh. */
export const takenAtOnce = 16
const bytesMax = taskLimits.ordersBytesMax

/**
 * Takes what is ready, in steps of which each heeds how much those before weighed. The rest stays where it is; what the last
 * step brought may be more than one answer may have (`keepFitting`).
 */
export async function takeRuns(deps: TaskDeps, tx: Tx, claim: Claim): Promise<RunOrder[]> {
  const orders: RunOrder[] = []
  let [bytes, largest] = [0, 0]
  for (let step = takenAtOnce; orders.length < claim.max && step > 0; ) {
    const asked = Math.min(step, claim.max - orders.length)
    const items = await deps.work.claim(tx, { ...claim, max: asked })
    const next = await runOrders(deps, items, tx)
    for (const weight of next.map(weightOf)) {
      bytes += weight
      largest = Math.max(largest, weight)
    }
    orders.push(...next)
    if (items.length < asked) break
    // Those that come may be larger than all before.
    step = Math.min(orders.length * 4, Math.floor((bytesMax - bytes) / Math.max(largest, 1)))
  }
  return orders
}

/**
 * Of runs that were given, as many as one answer may have: `ordersBytesMax` bytes of parameters and checkpoints, or one run.
 * The others go back, and the attempts do not count; not in the transaction that took them, for that has their work, and their
 * tasks are to be locked first.
 */
export async function keepFitting(deps: TaskDeps, orders: RunOrder[]): Promise<RunOrder[]> {
  const count = countWithin(orders.map(weightOf), bytesMax)
  if (count < orders.length) await deps.store.write((tx) => giveRunsBack(deps, tx, orders.slice(count)))
  return orders.slice(0, count)
}

/** Runs that nobody will hear of; the attempts do not count. */
export async function giveRunsBack({ work }: TaskDeps, tx: Tx, orders: readonly RunOrder[]): Promise<void> {
  const said = orders.map(({ run_id: id, lease_token: leaseToken }) => ({ id, leaseToken, kind: 'unheard' as const }))
  await work.report(tx, said)
}

function weightOf({ parameters, checkpoint }: RunOrder): number {
  return (
    Buffer.byteLength(JSON.stringify(parameters)) +
    (checkpoint === null ? 0 : Buffer.byteLength(JSON.stringify(checkpoint)))
  )
}
