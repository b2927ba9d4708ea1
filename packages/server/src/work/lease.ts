import type { Tx } from '../core/context.ts'
import type { Claim } from './claim.ts'
import { tell } from './commit.ts'
import type { EngineDeps } from './engine.ts'
import { giveBack } from './give-back.ts'
import type { WorkItem } from './item.ts'
import type { Asking } from './looks.ts'
import type { Place } from './place.ts'
import type { Taken } from './ports.ts'
import { takeNext } from './take.ts'

/**
 * Gives a worker what is next, or waits until there is something, or `signal` is aborted; it holds no connection of the
 * state while it waits. What was claimed for one who has left meanwhile is given back, before this resolves, with nothing.
 */
export async function lease(deps: EngineDeps, wanted: Claim, signal: AbortSignal): Promise<WorkItem[]> {
  const place = deps.waiters.join(wanted)
  let taken: readonly Taken[] = []
  try {
    taken = await served(deps, place, signal)
  } finally {
    deps.waiters.leave(place, taken.length > 0)
  }
  if (taken.length === 0 || !signal.aborted) return taken.map(({ after }) => after)
  await deps.store.write((tx) => giveBack(deps, tx, taken))
  return []
}

async function served(deps: EngineDeps, place: Place, signal: AbortSignal): Promise<readonly Taken[]> {
  while (!signal.aborted) {
    const found = await look(deps, place, signal)
    if (found.length > 0) return found
    const handed = await place.settled(signal)
    if (handed) return handed
  }
  return []
}

async function look(deps: EngineDeps, place: Place, signal: AbortSignal): Promise<readonly Taken[]> {
  try {
    return await deps.looks.look({ place, signal }, (asking) => lookFor(deps, asking))
  } catch (error) {
    // Nothing was found, and before that could be said others began to claim for him.
    if (place.isTakenCareOf) return []
    throw error
  }
}

/** Whoever finds nothing needs no transaction: what is on its way to be committed wakes those who stand in line by then. */
async function lookFor(deps: EngineDeps, asking: readonly Asking[]): Promise<ReadonlyMap<Place, readonly Taken[]>> {
  const places = looking(asking)
  if (places.length === 0) return new Map()
  if (await deps.store.mayHaveReady(places[0]!.wanted.queues)) return deps.store.write((tx) => take(deps, tx, asking))
  for (const place of places) place.wait()
  return new Map()
}

function looking(asking: readonly Asking[]): Place[] {
  return asking.filter(({ place, signal }) => !signal.aborted && place.look()).map(({ place }) => place)
}

async function take(
  deps: EngineDeps,
  tx: Tx,
  asking: readonly Asking[],
): Promise<ReadonlyMap<Place, readonly Taken[]>> {
  const places = looking(asking)
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
