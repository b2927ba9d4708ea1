import { randomUUID } from 'node:crypto'
import type { Tx } from '../core/context.ts'
import { tell } from './commit.ts'
import type { EngineDeps } from './engine.ts'
import { priorities, type WorkItem } from './item.ts'
import type { Head, QueueName, Taken } from './ports.ts'

export interface Claim {
  queues: readonly QueueName[]
  worker: string
  max: number
}

const agingMs = 60_000
/** How many more are looked at when others were about to take all of those. */
const spareGrowth = 8
const spareMax = 4096

/**
 * Gives a worker what is next. Inside of a priority the keys take turns, and of a turn the oldest is first; of those that
 * are next in their priorities the highest goes first, where each minute of waiting raises one by a level. Each item is
 * in nobody else's hands until its lease ends.
 */
export async function claim(deps: EngineDeps, tx: Tx, wanted: Claim): Promise<WorkItem[]> {
  const taken = await takeNext(deps, tx, wanted)
  await tell(deps, tx, taken)
  return taken.map(({ after }) => after)
}

/** The same, without telling the rooms. */
export async function takeNext(deps: EngineDeps, tx: Tx, { queues, worker, max }: Claim): Promise<Taken[]> {
  const { store, waiters } = deps
  const now = deps.now()
  const leaseToken = `lease-${randomUUID()}`
  const taken: Taken[] = []
  for (let spare = store.contended; ; spare *= spareGrowth) {
    // Few limits make few statements.
    const limit = 2 ** Math.ceil(Math.log2(max - taken.length + spare))
    const lines = await store.heads(tx, queues, limit)
    const seenAll = lines.every((line) => line.length < limit)
    const ids = merged(lines, limit, now).map(({ id }) => id)
    if (ids.length > 0) taken.push(...(await store.take(tx, ids, { max: max - taken.length, now, worker, leaseToken })))
    if (taken.length === max || seenAll || spare === 0 || spare > spareMax) break
  }
  if (taken.length > 0)
    store.afterEnd(tx, (committed) => {
      if (!committed) for (const { before } of taken) waiters.wake(before, 1)
    })
  return taken
}

/** The first of some lines, whose own order stays. */
function merged(lines: Head[][], max: number, now: number): Head[] {
  const chosen: Head[] = []
  while (chosen.length < max) {
    const heads = lines.flatMap((line) => (line[0] ? [line[0]] : []))
    if (heads.length === 0) break
    const next = heads.reduce((first, head) => (byRank(head, first, now) < 0 ? head : first))
    lines.find((line) => line[0] === next)!.shift()
    chosen.push(next)
  }
  return chosen
}

/** Who comes first. */
function byRank(a: Head, b: Head, now: number): number {
  return levelOf(b, now) - levelOf(a, now) || a.turn - b.turn || a.seq - b.seq
}

/** The priority after so long a wait; no more than the highest there is, so that those who came late have their turn too. */
function levelOf({ priority, createdAt }: Head, now: number): number {
  const waited = Math.floor((now - createdAt) / agingMs)
  return Math.min(priorities.indexOf(priority) + waited, priorities.length - 1)
}
