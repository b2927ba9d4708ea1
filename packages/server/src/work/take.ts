import { randomUUID } from 'node:crypto'
import type { Tx } from '../core/context.ts'
import type { EngineDeps } from './engine.ts'
import { type Changed, priorities, type WorkItem } from './item.ts'
import type { Claim, Head } from './ports.ts'
import { taken } from './transitions.ts'

const agingMs = 60_000
/** How many more are looked at when others were about to take all of those. */
const spareGrowth = 8
const spareMax = 4096

/**
 * Gives items to those who claim from the same queues, to each as many as he takes, the first first. The rooms are not told
 * yet.
 */
export async function takeNext(deps: EngineDeps, tx: Tx, claims: readonly Claim[]): Promise<Changed[][]> {
  const now = deps.now()
  const max = claims.reduce((sum, claim) => sum + claim.max, 0)
  const items = await readyItems(deps, tx, claims[0]!, max, now)
  let at = 0
  const shares = claims.map(({ worker, max, mark }) => {
    const leaseToken = newLeaseToken(mark)
    const share = items.slice(at, at + max)
    at += share.length
    return share.map((before) => ({ before, after: taken(before, now, worker, leaseToken) }))
  })
  await keep(deps, tx, shares.flat())
  return shares
}

/** See `Claim.mark`. */
function newLeaseToken(mark = 'lease'): string {
  return `${mark}-${randomUUID()}`
}

/** What is next and in nobody's hands, and in nobody else's as long as the transaction lasts. */
async function readyItems(deps: EngineDeps, tx: Tx, { queues }: Claim, max: number, now: number): Promise<WorkItem[]> {
  const { store } = deps
  for (let spare = store.contended; ; spare *= spareGrowth) {
    // Few limits make few statements.
    const limit = 2 ** Math.ceil(Math.log2(max + spare))
    const lines = await store.heads(tx, queues, limit, now)
    const seenAll = lines.every((line) => line.length < limit)
    const ids = merged(lines, limit, now).map(({ id }) => id)
    const items = ids.length === 0 ? [] : await store.lockReady(tx, ids, max)
    if (items.length === max || seenAll || spare === 0 || spare > spareMax) return items
  }
}

async function keep({ store, waiters }: EngineDeps, tx: Tx, changes: readonly Changed[]): Promise<void> {
  if (changes.length === 0) return
  await store.replace(
    tx,
    changes.map(({ before, after }) => ({ ...after, version: before.version })),
  )
  store.afterEnd(tx, (committed) => {
    if (!committed) for (const { before } of changes) waiters.wake(before, 1)
  })
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
