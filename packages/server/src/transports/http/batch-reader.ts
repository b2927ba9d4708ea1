import { fail, invalid } from '../../core/failure.ts'
import type { Thread } from '../../core/thread.ts'
import { type WrittenPack, writtenPack } from '../../telemetry/index.ts'
import type { BatchReading } from './read-batch.ts'

/** Reads the bodies of batches, all but small ones beside the event loop, for the largest takes a tenth of a second. */
export interface BatchReader {
  /**
   * Takes the bytes of the body away. Throws INVALID_REQUEST when the body as a whole is no batch, SERVICE_UNAVAILABLE when
   * too much waits to be read; faults of single frames come with the frames.
   */
  read(body: Buffer, format: 'lines' | 'array', receivedAt: number): Promise<BatchBody>
  /** Ends the thread after the bodies that it was given; later ones that need it are answered SERVICE_UNAVAILABLE. */
  close(): Promise<void>
}

export interface BatchBody {
  frames: WrittenPack
  /** What a body in JSON has beside its frames. */
  rest: Record<string, unknown>
}

const retryAfterSeconds = 1
/** How much may be on its way through the thread; a body is 16 MiB at most. */
const bytesMax = 64 * 1024 * 1024
/** Some fifty frames: to wake the thread for less takes longer than to read it. */
const smallBytesMax = 16 * 1024

/**
 * The one thread is started by the first body that needs it, which waits for it; another takes its place when it has died,
 * as of a want of memory. `here` is the same service on the event loop.
 */
export function openBatchReader(start: () => Promise<Thread<BatchReading>>, here: BatchReading): BatchReader {
  let thread: Thread<BatchReading> | undefined
  let starting: Promise<Thread<BatchReading>> | undefined
  let isClosed = false
  let bytes = 0

  const startOne = async () => {
    try {
      thread = await start()
      return thread
    } finally {
      starting = undefined
    }
  }
  const running = () => {
    if (isClosed) throw fail('SERVICE_UNAVAILABLE', { reason: 'stopping' }, { retryAfterSeconds })
    if (thread?.isAlive()) return thread
    starting ??= startOne()
    return starting
  }
  const readBeside = async (body: Buffer, format: 'lines' | 'array', receivedAt: number) => {
    if (bytes + body.length > bytesMax)
      throw fail('SERVICE_UNAVAILABLE', { reason: 'too_many_bodies' }, { retryAfterSeconds })
    const size = body.length
    bytes += size
    try {
      const { call } = await running()
      return await call('read', movable(body), format, receivedAt)
    } finally {
      bytes -= size
    }
  }
  return {
    async read(body, format, receivedAt) {
      const isSmall = body.length <= smallBytesMax
      const answer = isSmall ? here.read(body, format, receivedAt) : await readBeside(body, format, receivedAt)
      if ('refused' in answer) throw invalid(answer.refused.field!, answer.refused.issue!)
      const { rest, ...packed } = answer
      return { frames: writtenPack(packed), rest }
    },
    async close() {
      isClosed = true
      // Bodies wait for a thread that is being started: they are read before it ends, or told that it could not start.
      await Promise.allSettled([starting])
      await thread?.close()
    },
  }
}

/** A small buffer lies in a pool, which cannot be moved to another thread. */
function movable(body: Buffer): Uint8Array {
  return body.byteLength === body.buffer.byteLength ? body : new Uint8Array(body)
}
