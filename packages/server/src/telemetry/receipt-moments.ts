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

/** Further ahead of the clock than any load brings them: the clock was set back. */
const aheadMax = 1_000_000

export function createReceiptMoments(now: () => number): ReceiptMoments {
  let last = 0
  return {
    get last() {
      return last
    },
    take(count) {
      const clock = now() * 1000
      const first = last - clock > aheadMax ? clock : Math.max(clock, last + 1)
      last = first + count - 1
      return first
    },
  }
}
