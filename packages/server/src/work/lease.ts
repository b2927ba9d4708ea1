import { type Claim, claim } from './claim.ts'
import type { EngineDeps } from './engine.ts'
import type { WorkItem } from './item.ts'
import type { Waiting } from './waiters.ts'

/**
 * Gives a worker what is next, or waits until there is something, or `signal` is aborted; it holds no connection of the
 * state while it waits.
 */
export async function lease(deps: EngineDeps, wanted: Claim, signal: AbortSignal): Promise<WorkItem[]> {
  for (;;) {
    const waiting = deps.waiters.join(wanted.queues)
    const items = await deps.store.write((tx) => claim(deps, tx, wanted))
    if (items.length > 0 || signal.aborted) {
      // Whether the wake was for these or for something later is not known.
      waiting.leave(false)
      return items
    }
    await wokenOrAborted(waiting, signal)
    waiting.leave(!signal.aborted)
    if (signal.aborted) return []
  }
}

function wokenOrAborted({ woken }: Waiting, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      signal.removeEventListener('abort', done)
      resolve()
    }
    signal.addEventListener('abort', done, { once: true })
    void woken.then(done)
    if (signal.aborted) done()
  })
}
