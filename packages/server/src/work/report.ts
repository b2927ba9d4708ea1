import type { Tx } from '../core/context.ts'
import { fail } from '../core/failure.ts'
import { commitChanges } from './commit.ts'
import type { EngineDeps } from './engine.ts'
import type { WorkItem } from './item.ts'
import { type AttemptError, attemptFailed, ended, renewed, workerLost } from './transitions.ts'

/** What a worker says of an item that it holds. */
export type Report = { id: string; leaseToken: string } & (
  | { kind: 'alive' }
  | { kind: 'completed' }
  | { kind: 'failed'; error: AttemptError }
  /** It was asked to stop, and has. */
  | { kind: 'cancelled' }
  /** It knows nothing of it any more. */
  | { kind: 'lost' }
)

export type Reported = WorkItem | { id: string; lost: true }

/**
 * Takes reports of workers. Who doesn't hold the lease any more is told so, and changes nothing: the item has ended, or is
 * in other hands.
 */
export async function report(deps: EngineDeps, tx: Tx, reports: readonly Report[]): Promise<Reported[]> {
  const now = deps.now()
  const ids = [...new Set(reports.map(({ id }) => id))]
  const found = await deps.store.find(ids, tx)
  const changes = new Map(found.map((before) => [before.id, { before, after: before }]))
  // Of one item one after the other: what the first makes of it is what the next is about.
  const isTaken = reports.map((said) => {
    const change = changes.get(said.id)
    if (!change || !isHeld(change.after, said, now)) return false
    change.after = afterReport(change.after, said, now, deps.random())
    return true
  })
  const changed = [...changes.values()].filter(({ before, after }) => after !== before)
  const written = new Map((await commitChanges(deps, tx, changed)).map((item) => [item.id, item]))
  return reports.map(({ id }, i) => (isTaken[i] && written.get(id)) || { id, lost: true })
}

/** The refusal for a worker whose lease is over (409). */
export function leaseLost(id: string) {
  return fail('CONFLICT', { reason: 'lease_lost', id, issue: 'the lease is over: stop working on it' })
}

function isHeld({ state, leaseToken, leaseExpiresAt }: WorkItem, said: Report, now: number): boolean {
  return state === 'running' && leaseToken === said.leaseToken && leaseExpiresAt! > now
}

function afterReport(item: WorkItem, said: Report, now: number, random: number): WorkItem {
  switch (said.kind) {
    case 'alive':
      return renewed(item, now)
    case 'completed':
      return ended(item, now, 'completed', null)
    case 'failed':
      return attemptFailed(item, now, 'error', said.error, random)
    case 'cancelled':
      return ended(item, now, 'cancelled', 'cancelled')
    case 'lost':
      return workerLost(item, now, random)
    default:
      return said satisfies never
  }
}
