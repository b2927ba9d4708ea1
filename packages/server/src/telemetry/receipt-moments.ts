import type { Micros } from './instant.ts'

/**
 * The moments of receipt of frames that bring no timestamp: each frame has its own, a microsecond after the one before at
 * least, for of two points of one device, metric and time the later would replace the earlier.
 */
export interface ReceiptMoments {
  /** The last that was given. */
  readonly last: Micros
  /** The first of so many in a row. */
  take(count: number): Micros
}

/** A clock that goes back so far was set; for less it is waited. In milliseconds. */
const setBackMs = 1000

export function createReceiptMoments(now: () => number): ReceiptMoments {
  let last = 0
  let lastClock = 0
  return {
    get last() {
      return last
    },
    take(count) {
      const clock = now()
      if (clock < lastClock - setBackMs) last = 0
      lastClock = clock
      const first = Math.max(clock * 1000, last + 1)
      last = first + count - 1
      return first
    },
  }
}
