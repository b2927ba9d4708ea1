import type { Claim } from './claim.ts'
import { takeNext } from './claim.ts'
import { tell } from './commit.ts'
import type { EngineDeps } from './engine.ts'
import { giveBack } from './give-back.ts'
import type { WorkItem } from './item.ts'
import type { Place } from './place.ts'
import type { Taken } from './ports.ts'

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

async function look(deps: EngineDeps, place: Place, signal: AbortSignal): Promise<Taken[]> {
  try {
    return await deps.store.write(async (tx) => {
      if (signal.aborted || !place.look()) return []
      const taken = await takeNext(deps, tx, place.wanted)
      if (taken.length === 0) place.wait()
      else await tell(deps, tx, taken)
      return taken
    })
  } catch (error) {
    // Nothing was found, and before that could be said others began to claim for him.
    if (place.isReserved) return []
    throw error
  }
}
