import type { Tx } from '../core/context.ts'
import type { EngineDeps } from './engine.ts'
import type { WorkItem } from './item.ts'
import type { Line } from './ports.ts'

/**
 * Stands items in the lines of their ordering keys: who comes to an empty line is its head and may go, the others are blocked
 * until it leaves. What is held stands in no line, so that it keeps nobody waiting. Writes `blocked` of the items.
 */
export async function standInLine({ store }: EngineDeps, tx: Tx, items: readonly WorkItem[]): Promise<void> {
  const lines = [...byLine(items).values()]
  if (lines.length === 0) return
  const heads = lines.map(([first]) => first!)
  await store.lockLines(tx, heads)
  const have = await store.haveLive(tx, heads)
  for (const [i, of] of lines.entries()) {
    const coming = of.filter(({ waitingFor }) => waitingFor === null).sort((a, b) => a.seq - b.seq)
    const isBehind = coming.length > 0 && have[i]!
    for (const item of of) item.blocked = item.waitingFor !== null || isBehind || item !== coming[0]
  }
}

/** Those that have an ordering key, by their lines. */
export function byLine<Of extends Line>(items: readonly Of[]): Map<string, Of[]> {
  const ordered = items.filter(({ orderingKey }) => orderingKey !== null)
  return Map.groupBy(ordered, ({ kind, queue, orderingKey }) => `${kind} ${queue} ${orderingKey}`)
}
