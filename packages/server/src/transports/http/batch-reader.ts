import { invalid } from '../../core/failure.ts'
import { startThread, type Thread } from '../../core/thread.ts'
import { FramePack } from '../../telemetry/index.ts'
import type { BatchReaderThread } from './batch-reader-thread.ts'

/** Reads the bodies of batches beside the event loop, for the largest takes a tenth of a second. */
export interface BatchReader {
  /**
   * Takes the bytes of the body away. Throws INVALID_REQUEST when the body as a whole is no batch; faults of single frames
   * come with the frames.
   */
  read(body: Buffer, format: 'lines' | 'array', receivedAt: number): Promise<BatchBody>
  close(): Promise<void>
}

export interface BatchBody {
  frames: FramePack
  /** What a body in JSON has beside its frames. */
  rest: Record<string, unknown>
}

/** One thread, started at once; another takes its place when it has died, as of a want of memory. */
export function openBatchReader(start = startReader): BatchReader {
  let starting = start()
  const living = async () => {
    const thread = await starting.catch(() => undefined)
    if (!thread?.isAlive()) starting = start()
    return starting
  }
  return {
    async read(body, format, receivedAt) {
      const answer = await (await living()).call('read', movable(body), format, receivedAt)
      if ('refused' in answer) throw invalid(answer.refused.field!, answer.refused.issue!)
      const { rest, ...packed } = answer
      return { frames: new FramePack(packed), rest }
    },
    close: async () => (await starting).close(),
  }
}

function startReader(): Promise<Thread<BatchReaderThread>> {
  return startThread<BatchReaderThread>(new URL('./batch-reader-thread.ts', import.meta.url), undefined)
}

/** A small buffer lies in a pool, which cannot be moved to another thread. */
function movable(body: Buffer): Uint8Array {
  return body.byteLength === body.buffer.byteLength ? body : new Uint8Array(body)
}
