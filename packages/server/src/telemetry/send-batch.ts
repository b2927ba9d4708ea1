import { type BatchReceipt, type FrameReceipt, telemetryLimits } from '@nexus/contract'
import type { Ctx, Idempotent } from '../core/context.ts'
import { type Failure, fail, invalid } from '../core/failure.ts'
import type { WrittenPack } from './frame-pack.ts'
import { replayOf } from './idempotent.ts'
import { type Intake, isRefusal, type Refusal } from './intake.ts'
import type { SendDeps } from './send.ts'

export interface BatchInput {
  frames: readonly unknown[] | WrittenPack
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
  const count = 'pack' in input.frames ? input.frames.pack.count : input.frames.length
  if (count === 0) throw invalid('frames', 'must hold at least one frame')
  if (count > batchFramesMax) throw invalid('frames', `has ${count} frames, more than ${batchFramesMax}`)

  const intake = deps.intake(ctx)
  const receipt: BatchReceipt = { accepted: 0, rejected: 0, results: [] }
  let [index, warned] = [0, 0]
  for (const result of taken(intake, input.frames)) {
    if (!isRefusal(result)) {
      receipt.accepted++
      const { frame_id, duplicate } = result
      const warnings = warned < batchWarningsListed ? result.warnings : undefined
      warned += warnings?.length ?? 0
      receipt.results.push({ index, frame_id, ...(duplicate && { duplicate }), ...(warnings && { warnings }) })
    } else if (++receipt.rejected <= batchErrorsListed) {
      receipt.results.push({ index, error: result })
    }
    index++
  }
  if (idempotent) intake.remember({ ...idempotent, answer: JSON.stringify(receipt) })
  await intake.commit(input.ack ?? 'durable')
  return receipt
}

/** The failure of a batch of which nothing was accepted: its first fault, and all that are listed. */
export function noneAccepted({ results }: BatchReceipt): Failure {
  const errors = results.flatMap((result) =>
    'error' in result
      ? [
          {
            field: ['frames', result.index, result.error.field].filter((part) => part !== '').join('.'),
            issue: result.error.issue,
          },
        ]
      : [],
  )
  return fail('INVALID_REQUEST', { ...errors[0], errors }, { message: 'None of the frames was accepted' })
}

function* taken(intake: Intake, frames: BatchInput['frames']): Generator<FrameReceipt | Refusal> {
  if ('pack' in frames) yield* intake.takePack(frames)
  else for (const frame of frames) yield intake.take(frame)
}
