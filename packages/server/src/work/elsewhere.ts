import { createLoop, type Loop } from '../core/loop.ts'
import type { EngineDeps } from './engine.ts'

/** How often is looked for what other processes announced in vain, and in how many queues each time. */
const restMsDefault = 2000
const queuesMax = 1000

/** Wakes those who wait here for what other processes have made ready, and nobody waits for there. */
export function createElsewhere(
  { store, waiters }: Pick<EngineDeps, 'store' | 'waiters'>,
  onError: (cause: unknown) => void,
  restMs = restMsDefault,
): Loop {
  store.onAnnounced((queues) => {
    for (const queue of queues) waiters.wakeAll(queue)
  })
  return createLoop({
    ...(store.readyAmong && { restMs }),
    async run() {
      const queues = waiters.nextQueues(queuesMax)
      if (queues.length === 0) return
      for (const queue of (await store.readyAmong?.(queues)) ?? []) waiters.wakeAll(queue)
    },
    onError,
  })
}
