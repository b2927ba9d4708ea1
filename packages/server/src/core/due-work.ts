import { Failure } from './failure.ts'

/** A kind of work that is due. */
export interface DueWork<One, Id> {
  /** Where it finds fewer than this there are no more. */
  atOnce: number
  /** The first that are due; of those that are passed over some may be among them. */
  find(passedOver: ReadonlySet<Id>): Promise<readonly One[]>
  idOf(one: One): Id
  /** Resolves with the ids of those that could not be done. */
  act(due: readonly One[]): Promise<readonly Id[]>
}

/** So many of a kind are passed over; what is due after those waits for them. */
const passedOverMax = 10_000

/**
 * Does what is due of each kind by turns, until nothing is, or `isStopped`. What could not be done is passed over: it holds up
 * nothing, and is due again with the next call. Whether all was done. Rejects where `find` or `act` does.
 */
export async function doAllDue(
  kinds: readonly DueWork<unknown, unknown>[],
  isStopped: () => boolean = () => false,
): Promise<boolean> {
  const passedOver = kinds.map(() => new Set<unknown>())
  for (let isMore = true; isMore; ) {
    isMore = false
    for (const [i, kind] of kinds.entries()) {
      if (isStopped()) break
      if (await doSome(kind, passedOver[i]!)) isMore = true
    }
  }
  return passedOver.every(({ size }) => size === 0)
}

/** Whether there may be more. */
async function doSome<One, Id>({ atOnce, find, idOf, act }: DueWork<One, Id>, passedOver: Set<Id>): Promise<boolean> {
  if (passedOver.size >= passedOverMax) return false
  const due = (await find(passedOver)).filter((one) => !passedOver.has(idOf(one)))
  for (const id of due.length === 0 ? [] : await act(due)) passedOver.add(id)
  return due.length >= atOnce
}

/**
 * Does each by itself, so many beside one another, until `isStopped`: one that cannot be done does not hold up the others.
 * Resolves with those; where the state itself failed it rejects, for no other would fare better.
 */
export async function failedAmong<One>(
  all: readonly One[],
  act: (one: One) => Promise<unknown>,
  { onError, besides = 1, isStopped }: { onError(cause: unknown): void; besides?: number; isStopped?(): boolean },
): Promise<One[]> {
  const failed: One[] = []
  for (let i = 0; i < all.length && !isStopped?.(); i += besides) {
    const some = all.slice(i, i + besides)
    const causes = (await Promise.allSettled(some.map(act))).map((one) => ('reason' in one ? one : undefined))
    const ofState = causes.find((one) => one && isOfState(one.reason))
    if (ofState) throw ofState.reason
    for (const [n, one] of causes.entries()) {
      if (!one) continue
      onError(one.reason)
      failed.push(some[n]!)
    }
  }
  return failed
}

/** What others want at the same moment concerns this one alone. */
function isOfState(cause: unknown): boolean {
  const reason = cause instanceof Failure ? String(cause.details.reason) : ''
  return reason.startsWith('state_') && reason !== 'state_contention'
}
