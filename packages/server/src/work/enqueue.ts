import type { Tx } from '../core/context.ts'
import type { EngineDeps } from './engine.ts'
import { tell } from './hand-over.ts'
import type { WaitingFor, WorkItem } from './item.ts'
import { standInLine } from './line.ts'
import type { Turns } from './ports.ts'

/** New work, as a room asks for it. */
export type NewWork = Pick<
  WorkItem,
  | 'id'
  | 'kind'
  | 'queue'
  | 'priority'
  | 'fairKey'
  | 'orderingKey'
  | 'retry'
  | 'leaseMs'
  | 'attemptMs'
  | 'startBy'
  | 'notBefore'
  | 'traceId'
  | 'causeId'
> & { waitingFor: WaitingFor | null }

/**
 * Adds work; it commits with the transaction, and so does its hand-over to one who waits for it. Those of one key in a
 * queue get their turns behind one another, and beside those of other keys.
 */
export async function enqueue(deps: EngineDeps, tx: Tx, asked: readonly NewWork[]): Promise<WorkItem[]> {
  const now = deps.now()
  const turns = await turnsOf(deps, tx, asked)
  const items = asked.map((work) => itemOf(work, turns.get(keyOf(work))!.next++, now))
  await standInLine(deps, tx, items)
  await deps.store.insert(tx, items)
  await tell(
    deps,
    tx,
    items.map((after) => ({ before: undefined, after })),
  )
  return items
}

/** The next turn of each key in each queue. */
async function turnsOf(deps: EngineDeps, tx: Tx, asked: readonly NewWork[]): Promise<Map<string, { next: number }>> {
  const keys = new Map(asked.map((work) => [keyOf(work), work]))
  const turns = await deps.store.turns(tx, [...keys.values()])
  const nextOf = ({ lowest = 0, last = lowest - 1 }: Turns) => ({ next: Math.max(lowest, last + 1) })
  return new Map([...keys.keys()].map((key, i) => [key, nextOf(turns[i]!)]))
}

function keyOf({ kind, queue, fairKey }: NewWork): string {
  return `${kind} ${queue} ${fairKey}`
}

const last = { seq: 0 }

/** In the order of the clock, and of the calls within a millisecond. */
function nextSeq(now: number): number {
  last.seq = Math.max(last.seq + 1, now * 1000)
  return last.seq
}

function itemOf(work: NewWork, turn: number, now: number): WorkItem {
  return {
    ...work,
    createdAt: now,
    seq: nextSeq(now),
    version: 0,
    state: 'pending',
    turn,
    attempt: 0,
    blocked: false,
    worker: null,
    leaseToken: null,
    leaseExpiresAt: null,
    deadline: null,
    startedAt: null,
    cancelRequestedAt: null,
    cancelBy: null,
    endedAt: null,
    statusReason: null,
  }
}
