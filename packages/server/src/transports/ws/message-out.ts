import type { ErrorDetails, ServerMessageType } from '@nexus/contract'
import { toIso } from '../../core/clock.ts'
import type { Failure } from '../../core/failure.ts'
import { idSequence } from '../../core/ids.ts'

export interface Said {
  type: ServerMessageType
  payload?: unknown
  subscription_id?: string
}

const newMessageId = idSequence('msg')

/** What the server says by itself. */
export function notice(said: Said, now: number): object {
  return answer(newMessageId(), said, now)
}

/** What the server says to a message: with its id, or without one if it had none. */
export function answer(id: string | undefined, { type, payload, subscription_id }: Said, now: number): object {
  return { type, id, timestamp: toIso(now), payload, subscription_id }
}

export interface ErrorPayload {
  code: string
  message: string
  details: ErrorDetails
  retry_after_seconds?: number
}

export function errorPayload({ code, message, details, retryAfterSeconds }: Failure): ErrorPayload {
  return { code, message, details, ...(retryAfterSeconds !== undefined && { retry_after_seconds: retryAfterSeconds }) }
}
