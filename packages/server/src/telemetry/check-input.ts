import type { Input } from '@nexus/contract'
import { invalid } from '../core/failure.ts'
import { isRecord } from '../core/labels.ts'
import type { Ack } from './intake.ts'

/** What stands around a frame; the intake checks the frame itself. */
export function checkFrame(input: unknown): Input<'telemetry.frames.send'> {
  if (!isRecord(input)) throw invalid('body', 'must be a JSON object')
  checkAck(input.ack)
  return input as Input<'telemetry.frames.send'>
}

/** What stands around frames; the intake checks each of them, and refuses none for the fault of another. */
export function checkBatch(input: unknown): Input<'telemetry.frames.batch'> {
  if (!isRecord(input)) throw invalid('body', 'must be an object with frames')
  if (!Array.isArray(input.frames)) throw invalid('frames', 'must be an array of frames')
  const { frames: _, ...rest } = input
  checkBesideFrames(rest)
  return input as Input<'telemetry.frames.batch'>
}

/** What a batch has beside its frames; returns its `ack`. */
export function checkBesideFrames({ ack, ...rest }: Record<string, unknown>): Ack {
  const [extra] = Object.keys(rest)
  if (extra !== undefined) throw invalid(extra, 'is not a known field: expected frames or ack')
  return checkAck(ack)
}

export function checkAck(ack: unknown): Ack {
  if (ack === undefined) return 'durable'
  if (ack !== 'durable' && ack !== 'memory') throw invalid('ack', 'must be durable or memory')
  return ack
}
