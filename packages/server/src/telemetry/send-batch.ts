import { type BatchReceipt, telemetryLimits } from '@nexus/contract'
import type { Ctx, Idempotent } from '../core/context.ts'
import { invalid } from '../core/failure.ts'
import { FramePack } from './frame-pack.ts'
import { replayOf } from './idempotent.ts'
import { isRefusal } from './intake.ts'
import type { SendDeps } from './send.ts'

export interface BatchInput {
  frames: readonly unknown[] | FramePack
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
  const { frames } = input
  if (frames.length === 0) throw invalid('frames', 'must hold at least one frame')
  if (frames.length > batchFramesMax)
    throw invalid('frames', `has ${frames.length} frames, more than ${batchFramesMax}`)

  const intake = deps.intake(ctx)
  const receipt: BatchReceipt = { accepted: 0, rejected: 0, results: [] }
  let warned = 0
  const take = (index: number) =>
    frames instanceof FramePack ? intake.takeRead(frames.at(index)) : intake.take(frames[index])
  for (let index = 0; index < frames.length; index++) {
    const result = take(index)
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
