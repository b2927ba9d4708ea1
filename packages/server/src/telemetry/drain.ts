import type { Loop } from '../core/loop.ts'
import { createLoop } from '../core/loop.ts'
import type { DirtyHours } from './dirty-hours.ts'
import type { Micros } from './instant.ts'
import type { DrainBatch, IngestLog, TelemetryStore } from './ports.ts'
import type { RollUpCache } from './roll-up-cache.ts'

export interface DrainDeps {
  log: IngestLog
  store: TelemetryStore
  dirty: DirtyHours
  cache: RollUpCache
  now(): number
  onBatch(batch: DrainBatch, ms: number): void
  onError(cause: unknown): void
}

/** Moves accepted frames from the log into the store. */
export interface Drain extends Loop {
  /** Resolves once the store holds everything that was accepted for the range before the call. */
  settle(start: Micros, end: Micros): Promise<void>
  /** Moves what it can in this time. */
  settleWithin(ms: number): Promise<void>
  /** Runs `fn` while nothing moves. */
  exclusively<T>(fn: () => Promise<T>): Promise<T>
}

const batchBytesMax = 16 * 1024 * 1024
const restMs = 2000

/**
 * The drain takes the log in batches as large as they come, one every two seconds while nobody asks: a query moves what
 * it needs by itself, and many small parts would cost more to merge than they are worth. A batch is fixed in the log before it
 * moves, and leaves the log after it has moved; a crash in between repeats it under the same token.
 */
export function createDrain(deps: DrainDeps): Drain {
  let moving: Promise<unknown> = Promise.resolve()
  let settledUpTo = 0

  const exclusively = <T>(fn: () => Promise<T>): Promise<T> => {
    const result = moving.then(fn)
    moving = result.catch(() => {})
    return result
  }
  const moveBatch = (): Promise<boolean> =>
    exclusively(async () => {
      const started = performance.now()
      const batch = deps.log.openBatch(batchBytesMax)
      if (!batch) return false
      deps.cache.drop(deps.dirty.mark(batch.hours, deps.now()))
      await deps.store.insertBatch(batch)
      deps.log.finishBatch(batch)
      settledUpTo = batch.last
      deps.onBatch(batch, performance.now() - started)
      return true
    })

  const loop = createLoop({
    restMs,
    onError: deps.onError,
    async run(signal) {
      if (deps.log.depth().frames === 0) deps.log.rest()
      // What came in meanwhile waits for the next turn, unless a whole batch of it has gathered.
      while (!signal.aborted && (await moveBatch()) && deps.log.depth().bytes > batchBytesMax);
    },
  })
  return {
    ...loop,
    exclusively,
    async settleWithin(ms) {
      const until = performance.now() + ms
      while (performance.now() < until && (await moveBatch()));
    },
    async settle(start, end) {
      const newest = deps.log.newestOverlapping(start, end)
      while (settledUpTo < newest && (await moveBatch()));
    },
  }
}
