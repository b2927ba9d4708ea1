import type { Tx } from '../core/context.ts'
import type { EngineDeps } from './engine.ts'
import type { WorkItem } from './item.ts'

/**
 * Stands items in the lines of their ordering keys: who comes to an empty line is its head and may go, the others are blocked
 * until it leaves. What is held stands in no line, so that it keeps nobody waiting. Writes `blocked` of the items.
 */
export async function standInLine(deps: EngineDeps, tx: Tx, items: readonly WorkItem[]): Promise<void> {
  const ordered = items.filter(({ orderingKey }) => orderingKey !== null)
  const lineOf = ({ kind, queue, orderingKey }: WorkItem) => `${kind} ${queue} ${orderingKey}`
  // In one order everywhere, so that two transactions never wait for each other.
  const lines = [...Map.groupBy(ordered, lineOf)].sort(([a], [b]) => (a < b ? -1 : 1))
  for (const [, of] of lines) {
    await deps.store.lockOrder(tx, of[0]!)
    const coming = of.filter(({ waitingFor }) => waitingFor === null).sort((a, b) => a.seq - b.seq)
    const isBehind = coming.length > 0 && (await deps.store.hasLive(tx, of[0]!))
    for (const item of of) item.blocked = item.waitingFor !== null || isBehind || item !== coming[0]
  }
}
