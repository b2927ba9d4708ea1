import type { Tx } from '../core/context.ts'
import type { Change, EngineDeps, ReadyIn } from './engine.ts'
import { type Changed, dueAt, isReady, type WorkItem } from './item.ts'
import type { Place } from './place.ts'
import type { QueueName } from './ports.ts'
import { takeNext } from './take.ts'
import { nameOf } from './waiters.ts'

/** Tells the rooms of changes that are written, and lets those who wait have what became ready by them. */
export async function tell(deps: EngineDeps, tx: Tx, changes: readonly Change[]): Promise<void> {
  const now = deps.now()
  for (const [kind, of] of Map.groupBy(changes, ({ after }) => after.kind))
    await deps.rooms[kind]?.onChange(tx, of, now)
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

/**
 * Sees to it that what became ready in a transaction comes to those who wait. Before the commit it is claimed for them, so
 * that they are told of it by the same commit; for what is left over others are woken after that.
 */
export function handOver(deps: EngineDeps, tx: Tx, items: readonly WorkItem[]): void {
  if (items.length === 0) return
  const ready = deps.ready.get(tx) ?? begin(deps, tx)
  for (const { kind, queue, id } of items) {
    const name = nameOf({ kind, queue })
    const of = ready.get(name)
    if (of) of.ids.add(id)
    else ready.set(name, { queue: { kind, queue }, ids: new Set([id]) })
  }
}

function begin(deps: EngineDeps, tx: Tx): ReadyIn {
  const ready: ReadyIn = new Map()
  deps.ready.set(tx, ready)
  deps.store.beforeCommit(tx, async () => {
    // What becomes ready by what rooms do about this has a turn of its own.
    deps.ready.delete(tx)
    await claimForWaiters(deps, tx, ready)
  })
  deps.store.afterEnd(tx, (committed) => {
    if (committed) for (const { queue, ids } of ready.values()) deps.waiters.wake(queue, ids.size)
  })
  return ready
}

/** Takes what was claimed out of `ready`. */
async function claimForWaiters(deps: EngineDeps, tx: Tx, ready: ReadyIn): Promise<void> {
  const given = new Map<Place, Changed[]>()
  deps.store.afterEnd(tx, (committed) => {
    for (const [place, taken] of given) place.settle(committed ? taken : [])
  })
  const shared = (queue: QueueName) =>
    deps.store.commitsTogether ? deps.waiters.share(queue, (place) => given.has(place)) : undefined
  const changes: Change[] = []
  for (const { queue, ids } of ready.values()) {
    while (ids.size > 0) {
      const place = deps.waiters.reserve(queue) ?? shared(queue)
      if (!place) break
      given.set(place, [])
      const [taken = []] = await takeNext(deps, tx, [{ ...place.wanted, max: place.room }])
      if (taken.length === 0) break
      place.claimed(taken.length)
      given.set(place, taken)
      for (const { after } of taken) ready.get(nameOf(after))?.ids.delete(after.id)
      changes.push(...taken)
    }
  }
  if (changes.length > 0) await tell(deps, tx, changes)
}
