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
 * Gives a worker what is next: by priority, which rises by a level for each minute of waiting, then by turns of the keys,
 * then by time. Each item is in nobody else's hands until its lease ends.
 */
export async function claim(deps: EngineDeps, tx: Tx, { queues, worker, max }: Claim): Promise<WorkItem[]> {
  const now = deps.now()
  const found: WorkItem[] = []
  for (const queue of queues)
    for (const priority of priorities) found.push(...(await deps.store.ready(tx, queue, priority, max)))
  const chosen = found.sort((a, b) => byRank(a, b, now)).slice(0, max)
  if (chosen.length === 0) return []
  const before = new Map(chosen.map((item) => [item.id, item]))
  const leaseToken = `lease-${randomBytes(12).toString('hex')}`
  const taken = await deps.store.take(tx, [...before.keys()], { now, worker, leaseToken })
  await tell(
    deps,
    tx,
    taken.map((after) => ({ before: before.get(after.id), after })),
  )
  return taken.sort((a, b) => byRank(before.get(a.id)!, before.get(b.id)!, now))
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
