import { type BatchReceipt, telemetryLimits } from '@nexus/contract'
import type { Ctx } from '../core/context.ts'
import { invalid } from '../core/failure.ts'
import { type Idempotent, replayOf } from './idempotent.ts'
import { isRefusal } from './intake.ts'
import type { SendDeps } from './send.ts'

export interface BatchInput {
  frames: readonly unknown[]
  ack?: 'durable' | 'memory'
}

/**
 * Accepts what is good of many frames and names what is not, by index. Everything accepted becomes durable in one
 * commit. A replayed answer is the stored one, word for word.
 */
export async function sendBatch(
  deps: SendDeps,
  ctx: Ctx,
  input: BatchInput,
  idempotent?: Idempotent,
): Promise<BatchReceipt> {
  const replay = idempotent && replayOf(deps.gather, idempotent)
  if (replay !== undefined) {
    await deps.gather.settled()
    return JSON.parse(replay)
  }

  const { batchFramesMax, batchErrorsListed, batchWarningsListed } = telemetryLimits
  if (input.frames.length === 0) throw invalid('frames', 'must hold at least one frame')
  if (input.frames.length > batchFramesMax)
    throw invalid('frames', `has ${input.frames.length} frames, more than ${batchFramesMax}`)

  const intake = deps.intake(ctx)
  const receipt: BatchReceipt = { accepted: 0, rejected: 0, results: [] }
  let warned = 0
  for (const [index, frame] of input.frames.entries()) {
    const result = intake.take(frame)
    if (!isRefusal(result)) {
      receipt.accepted++
      const { frame_id, duplicate } = result
      const warnings = warned < batchWarningsListed ? result.warnings : undefined
      warned += warnings?.length ?? 0
      receipt.results.push({ index, frame_id, ...(duplicate && { duplicate }), ...(warnings && { warnings }) })
    } else if (++receipt.rejected <= batchErrorsListed) {
      receipt.results.push({ index, error: result })
    }
  }
  if (idempotent) intake.remember({ ...idempotent, answer: JSON.stringify(receipt) })
  await intake.commit(input.ack ?? 'durable')
  return receipt
}
