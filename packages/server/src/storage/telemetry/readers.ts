import { fail } from '../../core/failure.ts'

/** Sessions that answer one query at a time each. */
export interface Readers<Reader> {
  /**
   * The next free one, in the order of the calls; to be given back. SERVICE_UNAVAILABLE if too many wait already. Who is
   * aborted while waiting leaves the line at once, with the reason of the signal.
   */
  take(signal?: AbortSignal): Promise<Reader>
  give(reader: Reader): void
}

const waitingMax = 1000

export function createReaders<Reader>(readers: readonly Reader[]): Readers<Reader> {
  const free = [...readers]
  const waiting = new Set<(reader: Reader) => void>()

  const wait = (signal: AbortSignal | undefined) =>
    new Promise<Reader>((resolve, reject) => {
      const leave = () => {
        waiting.delete(serve)
        reject(signal?.reason)
      }
      const serve = (reader: Reader) => {
        signal?.removeEventListener('abort', leave)
        resolve(reader)
      }
      waiting.add(serve)
      signal?.addEventListener('abort', leave, { once: true })
    })

  return {
    async take(signal) {
      signal?.throwIfAborted()
      const reader = free.pop()
      if (reader !== undefined) return reader
      if (waiting.size >= waitingMax)
        throw fail('SERVICE_UNAVAILABLE', { reason: 'too_many_queries' }, { retryAfterSeconds: 1 })
      return wait(signal)
    },
    give(reader) {
      const [next] = waiting
      if (!next) return void free.push(reader)
      waiting.delete(next)
      next(reader)
    },
  }
}
