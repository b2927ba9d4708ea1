import { Failure } from '../../core/failure.ts'
import { type PackedFrames, packFrames } from '../../telemetry/index.ts'
import { checkShape } from '../json.ts'
import { readArray, readLines } from './frame-texts.ts'

/** The service behind `openBatchReader`, in its thread and on the event loop. */
export interface BatchReading {
  /** `rest`: what a body in JSON has beside its frames. `refused`: the body as a whole is no batch. */
  read(
    body: Uint8Array,
    format: 'lines' | 'array',
    receivedAt: number,
  ): (PackedFrames & { rest: Record<string, unknown> }) | { refused: Failure['details'] }
}

/** `writer` makes the block of what is read. */
export function createBatchReading(writer: Parameters<typeof packFrames>[2]): BatchReading {
  return {
    read(body, format, receivedAt) {
      const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
      try {
        if (format === 'lines') return { ...packFrames(readLines(bytes), receivedAt, writer), rest: {} }
        const { frames, rest } = readArray(bytes)
        checkShape(rest)
        return { ...packFrames(frames, receivedAt, writer), rest }
      } catch (cause) {
        if (cause instanceof Failure) return { refused: cause.details }
        throw cause
      }
    },
  }
}
