import type { ErrorDetails, ServerMessageType } from '@nexus/contract'
import { toIso } from '../../core/clock.ts'
import type { Failure } from '../../core/failure.ts'
import { idSequence } from '../../core/ids.ts'

export interface OutgoingMessage {
  type: ServerMessageType
  payload?: unknown
  subscription_id?: string
}

const newMessageId = idSequence('msg')

/** What the server says by itself. */
export function notice(message: OutgoingMessage, now: number): object {
  return answer(newMessageId(), message, now)
}

/** What the server says to a message: with its id, or without one if it had none. */
export function answer(
  id: string | undefined,
  { type, payload, subscription_id }: OutgoingMessage,
  now: number,
): object {
  return { type, id, timestamp: toIso(now), payload, subscription_id }
}

export interface ErrorPayload {
  code: string
  message: string
  details: ErrorDetails
  request_id: string
  retry_after_seconds?: number
}

/** As the error envelope of HTTP has it. */
export function errorPayload({ code, message, details, retryAfterSeconds }: Failure, requestId: string): ErrorPayload {
  const waiting = retryAfterSeconds !== undefined && { retry_after_seconds: retryAfterSeconds }
  return { code, message, details, request_id: requestId, ...waiting }
}
