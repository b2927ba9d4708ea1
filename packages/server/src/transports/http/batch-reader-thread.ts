import { Failure } from '../../core/failure.ts'
import { serveThread } from '../../core/thread.ts'
import { type PackedFrames, packFrames } from '../../telemetry/index.ts'
import { checkShape } from '../json.ts'
import { readArray, readLines } from './frame-texts.ts'

export interface BatchReading {
  /** What a body in JSON has beside its frames. */
  rest: Record<string, unknown>
}

export type BatchReaderThread = ReturnType<typeof open>

serveThread(open)

function open() {
  return {
    /** `refused`: the body as a whole is no batch. */
    read(
      body: Uint8Array,
      format: 'lines' | 'array',
      receivedAt: number,
    ): (PackedFrames & BatchReading) | { refused: Failure['details'] } {
      const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
      try {
        if (format === 'lines') return { ...packFrames(readLines(bytes), receivedAt), rest: {} }
        const { frames, rest } = readArray(bytes)
        checkShape(rest)
        return { ...packFrames(frames, receivedAt), rest }
      } catch (cause) {
        if (cause instanceof Failure) return { refused: cause.details }
        throw cause
      }
    },
  }
}
