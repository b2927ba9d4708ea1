import type { FrameReceipt } from '@nexus/contract'
import type { Ctx, Idempotent } from '../core/context.ts'
import { fail } from '../core/failure.ts'
import type { Gather } from './gather.ts'
import { replayOf } from './idempotent.ts'
import { type Ack, type Intake, isRefusal } from './intake.ts'

export interface SendDeps {
  gather: Gather
  intake(ctx: Ctx): Intake
}

/**
 * Accepts one frame. The receipt means durable, unless `ack` is `memory`. A repeat of the client's `frame_id`, or of
 * its idempotency key, gets the first receipt again, with `duplicate: true`.
 * Errors: INVALID_REQUEST, FORBIDDEN (a bound key speaks for another device), CONFLICT (the idempotency key was used
 * for another body), SERVICE_UNAVAILABLE (the log is full or failing).
 * `text`: what the frame was read from, kept in memory in place of it.
 */
export async function sendFrame(
  deps: SendDeps,
  ctx: Ctx,
  frame: object,
  ack: Ack = 'durable',
  idempotent?: Idempotent,
  text?: string,
): Promise<FrameReceipt> {
  const replay = idempotent && replayOf(deps.gather, idempotent)
  if (replay !== undefined) {
    await deps.gather.settled()
    return { ...(JSON.parse(replay) as FrameReceipt), duplicate: true }
  }

  const intake = deps.intake(ctx)
  const receipt = intake.take(frame, text)
  if (isRefusal(receipt)) {
    const { code, field, issue } = receipt
    const options = code === 'INVALID_REQUEST' ? { message: 'Invalid telemetry frame format' } : {}
    throw fail(code, { field, issue, errors: [{ field, issue }] }, options)
  }
  if (idempotent) intake.remember({ ...idempotent, answer: JSON.stringify(receipt) })
  await intake.commit(ack)
  return receipt
}
