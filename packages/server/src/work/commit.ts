import type { Tx } from '../core/context.ts'
import type { Change, EngineDeps } from './engine.ts'
import { tell } from './hand-over.ts'
import { type Changed, hasEnded, type WorkItem } from './item.ts'
import { byLine } from './line.ts'

/**
 * Writes changed items, lets those behind them go ahead, tells the rooms, and hands over what became ready. Of items that
 * somebody else changed meanwhile nothing is written; returned are those that were.
 */
export async function commitChanges(deps: EngineDeps, tx: Tx, changes: readonly Changed[]): Promise<WorkItem[]> {
  if (changes.length === 0) return []
  await lockRecords(deps, tx, changes)
  const moving = changes.flatMap(({ before, after }) => (isMoving(before, after) ? [after] : []))
  await lockLines(deps, tx, moving)
  return writeChanges(deps, tx, changes)
}

/** See `LockRecords`. */
async function lockRecords(deps: EngineDeps, tx: Tx, changes: readonly Changed[]): Promise<void> {
  const news = changes.filter(({ before, after }) => before.state !== after.state)
  for (const [kind, of] of Map.groupBy(news, ({ after }) => after.kind))
    await deps.rooms[kind]?.lockRecords?.(
      tx,
      of.map(({ after }) => after.id),
    )
}

/** The same, where the lines of what moves are locked. */
export async function writeChanges(deps: EngineDeps, tx: Tx, changes: readonly Changed[]): Promise<WorkItem[]> {
  const written = await deps.store.replace(
    tx,
    changes.map(({ after }) => after),
  )
  const done = changes
    .filter(({ after }) => written.has(after.id))
    .map(({ before, after }) => ({ before, after: { ...after, version: after.version + 1 } }))
  const left = done.filter(({ before, after }) => !before.blocked && (hasEnded(after) || after.blocked))
  const unblocked = await unblockNext(
    deps,
    tx,
    left.map(({ after }) => after),
  )
  await tell(deps, tx, [...done, ...unblocked])
  return done.map(({ after }) => after)
}

/** Whether it comes to its line, leaves it, or is no more in it. */
function isMoving(before: WorkItem, after: WorkItem): boolean {
  return hasEnded(after) || after.blocked !== before.blocked
}

async function lockLines({ store }: EngineDeps, tx: Tx, items: readonly WorkItem[]): Promise<void> {
  const heads = [...byLine(items).values()].map(([first]) => first!)
  if (heads.length > 0) await store.lockLines(tx, heads)
}

/** Lets the next ones of these lines go ahead, which are locked. */
async function unblockNext({ store }: EngineDeps, tx: Tx, gone: readonly WorkItem[]): Promise<Change[]> {
  const unblocked: Change[] = []
  for (let lines: readonly WorkItem[] = [...byLine(gone).values()].map(([first]) => first!); lines.length > 0; ) {
    const heads = await store.firstBlocked(tx, lines)
    const written = await store.replace(
      tx,
      heads.map((before) => ({ ...before, blocked: false })),
    )
    for (const before of heads.filter(({ id }) => written.has(id)))
      unblocked.push({ before, after: { ...before, blocked: false, version: before.version + 1 } })
    // Somebody may have changed until when it waits meanwhile, which takes no lock.
    lines = heads.filter(({ id }) => !written.has(id))
  }
  return unblocked
}
