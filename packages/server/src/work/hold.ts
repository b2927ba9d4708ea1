import type { Tx } from '../core/context.ts'
import { writeChanges } from './commit.ts'
import type { EngineDeps } from './engine.ts'
import type { WaitingFor, WorkItem } from './item.ts'
import { standInLine } from './line.ts'

/**
 * Says what pending items wait for, or (null) that they need wait no longer. What waits so keeps no other of its
 * ordering key waiting; once released it goes ahead of those that came later and wait in line, though not of the head
 * of the line. `startBy`: until when an attempt must have begun from now on (null: any time), for work whose time
 * counts from its release; left out, it stays as it was. Returns those that were pending.
 */
export async function hold(
  deps: EngineDeps,
  tx: Tx,
  ids: readonly string[],
  waitingFor: WaitingFor | null,
  startBy?: number | null,
): Promise<WorkItem[]> {
  const items = await deps.store.find(ids, tx)
  const pending = items.filter(({ state }) => state === 'pending')
  const due = startBy === undefined ? {} : { startBy }
  const changes = pending.map((before) => ({ before, after: { ...before, waitingFor, ...due } }))
  const moved = changes.filter(({ before }) => (before.waitingFor === null) !== (waitingFor === null))
  await standInLine(
    deps,
    tx,
    moved.map(({ after }) => after),
  )
  const written = await writeChanges(deps, tx, changes)
  const done = new Set(written.map(({ id }) => id))
  const lost = pending.filter(({ id }) => !done.has(id)).map(({ id }) => id)
  // Whoever was faster has given it to a worker, ended it, or let it go ahead of another: look again.
  return lost.length > 0 ? [...written, ...(await hold(deps, tx, lost, waitingFor, startBy))] : written
}
