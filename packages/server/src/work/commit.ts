import type { Tx } from '../core/context.ts'
import type { Change, EngineDeps } from './engine.ts'
import { handOver } from './hand-over.ts'
import { dueAt, hasEnded, isReady, type WorkItem } from './item.ts'

/**
 * Writes changed items, lets those behind them go ahead, tells the rooms, and hands over what became ready. Of items that
 * somebody else changed meanwhile nothing is written; returned are those that were.
 */
export async function commitChanges(
  deps: EngineDeps,
  tx: Tx,
  changes: readonly { before: WorkItem; after: WorkItem }[],
): Promise<WorkItem[]> {
  const written = await deps.store.replace(
    tx,
    changes.map(({ after }) => after),
  )
  const done = changes
    .filter(({ after }) => written.has(after.id))
    .map(({ before, after }) => ({ before, after: { ...after, version: after.version + 1 } }))
  const unblocked: Change[] = []
  for (const { before, after } of done) {
    const leaves = !before.blocked && (hasEnded(after) || after.blocked)
    const next = leaves ? await unblockNext(deps, tx, after) : undefined
    if (next) unblocked.push(next)
  }
  await tell(deps, tx, [...done, ...unblocked])
  return done.map(({ after }) => after)
}

/** Tells the rooms of changes that are written, and lets those who wait have what became ready by them. */
export async function tell(deps: EngineDeps, tx: Tx, changes: readonly Change[]): Promise<void> {
  const now = deps.now()
  for (const [kind, of] of Map.groupBy(changes, ({ after }) => after.kind)) await deps.onChange[kind]?.(tx, of, now)
  handOver(
    deps,
    tx,
    changes.map(({ after }) => after).filter((item) => isReady(item, now)),
  )
  const due = changes.flatMap(({ after }) => dueAt(after) ?? [])
  deps.store.afterEnd(tx, (committed) => {
    if (!committed) return
    deps.held.keep(changes.map(({ after }) => after))
    if (due.length > 0) deps.onDue(Math.min(...due))
  })
}

async function unblockNext(deps: EngineDeps, tx: Tx, item: WorkItem): Promise<Change | undefined> {
  if (item.orderingKey === null) return undefined
  await deps.store.lockOrder(tx, item)
  for (;;) {
    const before = await deps.store.firstBlocked(tx, item)
    if (!before) return undefined
    const after = { ...before, blocked: false }
    // Somebody who does not hold the lock may have ended it meanwhile, or have said what it waits for.
    if ((await deps.store.replace(tx, [after])).has(after.id)) return { before, after }
  }
}
