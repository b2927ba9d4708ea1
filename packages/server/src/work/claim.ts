import { randomBytes } from 'node:crypto'
import type { Tx } from '../core/context.ts'
import { tell } from './commit.ts'
import type { EngineDeps } from './engine.ts'
import { priorities, type WorkItem } from './item.ts'
import type { QueueName } from './ports.ts'

export interface Claim {
  queues: readonly QueueName[]
  worker: string
  max: number
}

const agingMs = 60_000

/**
 * Gives a worker what is next. Inside of a priority the keys take turns, and of a turn the oldest is first; of those that
 * are next in their priorities the highest goes first, where each minute of waiting raises one by a level. Each item is
 * in nobody else's hands until its lease ends.
 */
export async function claim(deps: EngineDeps, tx: Tx, { queues, worker, max }: Claim): Promise<WorkItem[]> {
  const now = deps.now()
  const lines: WorkItem[][] = []
  for (const queue of queues)
    for (const priority of priorities) lines.push(await deps.store.ready(tx, queue, priority, max))
  const chosen = merged(lines, max, now)
  if (chosen.length === 0) return []
  const leaseToken = `lease-${randomBytes(12).toString('hex')}`
  const ids = chosen.map(({ id }) => id)
  const taken = new Map((await deps.store.take(tx, ids, { now, worker, leaseToken })).map((item) => [item.id, item]))
  const changes = chosen.flatMap((before) => {
    const after = taken.get(before.id)
    return after ? [{ before, after }] : []
  })
  await tell(deps, tx, changes)
  return changes.map(({ after }) => after)
}

/** The first of some lines, whose own order stays. */
function merged(lines: readonly WorkItem[][], max: number, now: number): WorkItem[] {
  const chosen: WorkItem[] = []
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
function byRank(a: WorkItem, b: WorkItem, now: number): number {
  return levelOf(b, now) - levelOf(a, now) || a.turn - b.turn || a.seq - b.seq
}

/** The priority after so long a wait; no more than the highest there is, so that those who came late have their turn too. */
function levelOf({ priority, createdAt }: WorkItem, now: number): number {
  const waited = Math.floor((now - createdAt) / agingMs)
  return Math.min(priorities.indexOf(priority) + waited, priorities.length - 1)
}
