import type { Tx } from '../core/context.ts'
import type { EngineDeps } from './engine.ts'
import { giveBack } from './give-back.ts'
import { tell } from './hand-over.ts'
import type { Changed, WorkItem } from './item.ts'
import type { Place } from './place.ts'
import type { Claim } from './ports.ts'
import type { Found, Seeker } from './searches.ts'
import { takeNext } from './take.ts'

/**
 * Gives a worker what is next, or waits until there is something, or `signal` is aborted; it holds no connection of the
 * state while it waits. What was claimed for one who has left meanwhile is given back, before this resolves, with nothing.
 */
export async function lease(deps: EngineDeps, wanted: Claim, signal: AbortSignal): Promise<WorkItem[]> {
  const place = deps.waiters.join(wanted)
  let taken: readonly Changed[] = []
  try {
    taken = await served(deps, place, signal)
  } finally {
    deps.waiters.leave(place, taken.length > 0)
  }
  if (taken.length === 0 || !signal.aborted) return taken.map(({ after }) => after)
  await deps.store.write((tx) => giveBack(deps, tx, taken))
  return []
}

async function served(deps: EngineDeps, place: Place, signal: AbortSignal): Promise<readonly Changed[]> {
  while (!signal.aborted) {
    try {
      const found = await deps.searches.share({ place, signal }, (seekers) => searchFor(deps, seekers))
      if (found.length > 0) return found
    } catch (error) {
      // Unless others began to claim for it before it could be said that nothing was found.
      if (!place.isTakenCareOf) {
        place.leave()
        throw error
      }
    }
    const handed = await place.settled(signal)
    if (handed) return handed
  }
  return []
}

/** Whoever finds nothing needs no transaction: what is on its way to be committed wakes those who stand in line by then. */
async function searchFor(deps: EngineDeps, seekers: readonly Seeker[]): Promise<Found> {
  const places = searching(seekers)
  if (places.length === 0) return new Map()
  if (await deps.store.mayHaveReady(places[0]!.wanted.queues)) return deps.store.write((tx) => take(deps, tx, seekers))
  for (const place of places) place.wait()
  return new Map()
}

async function take(deps: EngineDeps, tx: Tx, seekers: readonly Seeker[]): Promise<Found> {
  const places = searching(seekers)
  if (places.length === 0) return new Map()
  const shares = await takeNext(
    deps,
    tx,
    places.map(({ wanted }) => wanted),
  )
  for (const [i, place] of places.entries()) if (shares[i]!.length === 0) place.wait()
  const found = shares.flat()
  if (found.length > 0) await tell(deps, tx, found)
  return new Map(places.map((place, i) => [place, shares[i]!]))
}

/** Those of them who search from now on. */
function searching(seekers: readonly Seeker[]): Place[] {
  return seekers.filter(({ place, signal }) => !signal.aborted && place.search()).map(({ place }) => place)
}
