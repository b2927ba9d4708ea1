import type { Tx } from '../core/context.ts'
import { commitChanges } from './commit.ts'
import type { EngineDeps } from './engine.ts'
import type { WorkItem } from './item.ts'
import { type AttemptError, attemptFailed, ended, renewed, unheard, workerLost } from './transitions.ts'

/** What a worker says of an item that it holds. */
export type Report = { id: string; leaseToken: string } & (
  | { kind: 'alive' }
  | { kind: 'completed' }
  | { kind: 'failed'; error: AttemptError }
  /** It was asked to stop, and has. */
  | { kind: 'cancelled' }
  /** It knows nothing of it any more. */
  | { kind: 'lost' }
  /** It never heard of it: the attempt does not count. */
  | { kind: 'unheard' }
)

export type Reported = WorkItem | { id: string; lost: true }

/**
 * Takes reports of workers. Who doesn't hold the lease any more is told so, and changes nothing: the item has ended, or is
 * in other hands.
 */
export async function report(deps: EngineDeps, tx: Tx, reports: readonly Report[]): Promise<Reported[]> {
  const now = deps.now()
  const held = reports.flatMap(({ id, leaseToken }) => deps.held.find(id, leaseToken, now) ?? [])
  const isKnown = new Set(held.map(({ id }) => id))
  const others = reports.filter(({ id }) => !isKnown.has(id)).map(({ id }) => id)
  const found = others.length === 0 ? [] : await deps.store.find([...new Set(others)], tx)
  const { answers, outdated } = await settle(deps, tx, reports, [...held, ...found])
  if (outdated.size === 0) return answers
  // Somebody else has changed it since it was read, or since this process held it for its own: look again.
  deps.held.forget(outdated)
  const again = reports.filter(({ id }) => outdated.has(id))
  if (again.length === 0) return answers
  const settled = (await report(deps, tx, again))[Symbol.iterator]()
  return answers.map((answer, i) => (again.includes(reports[i]!) ? settled.next().value! : answer))
}

async function settle(deps: EngineDeps, tx: Tx, reports: readonly Report[], items: readonly WorkItem[]) {
  const now = deps.now()
  const known = new Map(items.map((item) => [item.id, item]))
  const changes = new Map(
    reports.flatMap(({ id }) => (known.has(id) ? [[id, { before: known.get(id)!, after: known.get(id)! }]] : [])),
  )
  // Of one item one after the other: what the first makes of it is what the next is about.
  const isTaken = reports.map((said) => {
    const change = changes.get(said.id)
    if (!change || !isHeld(change.after, said, now)) return false
    change.after = afterReport(change.after, said, now, deps.random())
    return true
  })
  const changed = [...changes.values()].filter(({ before, after }) => after !== before)
  const written = new Map((await commitChanges(deps, tx, changed)).map((item) => [item.id, item]))
  const outdated = new Set(changed.map(({ after }) => after.id).filter((id) => !written.has(id)))
  const answers = reports.map(({ id }, i): Reported => (isTaken[i] && written.get(id)) || { id, lost: true })
  return { answers, outdated }
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
    case 'unheard':
      return unheard(item, now)
    default:
      return said satisfies never
  }
}
