import type { EventStore } from './ports.ts'

/** So many that half of them outlast any outage of the state that the process survives; what a restart skips is no loss. */
const blockSize = 10_000_000

/** Numbers that rise, over restarts too: a counter over blocks that are reserved ahead. */
export interface Sequence {
  /** Rises with each call. Throws when the state has not given out numbers for millions of them. */
  next(): number
  /** The number before the first of this process. */
  readonly before: number
}

export async function openSequence(
  store: Pick<EventStore, 'reserve'>,
  onError: (cause: unknown) => void,
): Promise<Sequence> {
  const first = await store.reserve(blockSize)
  let [next, end] = [first, first + blockSize]
  let following: number | undefined
  let reserving = false

  const reserveAhead = async () => {
    reserving = true
    try {
      following = await store.reserve(blockSize)
    } catch (cause) {
      onError(cause)
    }
    reserving = false
  }
  return {
    before: first - 1,
    next() {
      if (next === end) {
        if (following === undefined) throw new Error('The state has given out no more numbers for events')
        next = following
        end = following + blockSize
        following = undefined
      }
      if (end - next < blockSize / 2 && following === undefined && !reserving) void reserveAhead()
      return next++
    },
  }
}
