import { fail } from '../core/failure.ts'
import type { EventStore } from './ports.ts'

/** Half of them last for minutes of the heaviest load while the state is away; what a restart skips is no loss. */
const blockSize = 10_000_000
const retryMs = 1000

/** Numbers that rise, over restarts too: a counter over blocks that are reserved ahead. */
export interface Sequence {
  /** Rises with each call. Throws SERVICE_UNAVAILABLE when there are none, for the state was away for so long. */
  next(): number
  /** The same for at most `max` at once: how many there are of them, and the first. */
  take(max: number): { first: number; count: number }
  readonly exhausted: boolean
  /** The number before the first of this process. */
  readonly before: number
  /** Asks for no more numbers. */
  stop(): void
}

export async function openSequence(
  store: Pick<EventStore, 'reserve'>,
  onError: (cause: unknown) => void,
): Promise<Sequence> {
  const first = await store.reserve(blockSize)
  let [next, end] = [first, first + blockSize]
  let following: number | undefined
  let reserving = false
  let retry: NodeJS.Timeout | undefined
  let stopped = false

  const reserveAhead = async () => {
    reserving = true
    try {
      following = await store.reserve(blockSize)
      reserving = false
    } catch (cause) {
      if (stopped) return
      onError(cause)
      retry = setTimeout(reserveAhead, retryMs)
    }
  }
  const take = (max: number) => {
    if (next === end) {
      if (following === undefined)
        throw fail('SERVICE_UNAVAILABLE', { reason: 'state_unreachable' }, { retryAfterSeconds: 1 })
      next = following
      end = following + blockSize
      following = undefined
    }
    const [first, count] = [next, Math.min(max, end - next)]
    if (end - next < blockSize / 2 && following === undefined && !reserving) void reserveAhead()
    next += count
    return { first, count }
  }
  return {
    before: first - 1,
    stop() {
      stopped = true
      clearTimeout(retry)
    },
    get exhausted() {
      return next === end && following === undefined
    },
    take,
    next: () => take(1).first,
  }
}
