import { type ErrorEnvelope, errorTable } from '@nexus/contract'
import { toIso } from '../core/clock.ts'
import { Failure, fail } from '../core/failure.ts'

export interface ErrorAnswer {
  status: number
  body: ErrorEnvelope
  retryAfterSeconds: number | undefined
}

/** The one place where a failure becomes an HTTP answer. What is no `Failure` is a bug: nothing of it leaves. */
export function errorAnswer(failure: Failure, requestId: string, now: number): ErrorAnswer {
  const { code, message, details } = failure
  return {
    status: failure.http ?? errorTable[code].http,
    body: { error: { code, message, details, request_id: requestId, timestamp: toIso(now) } },
    retryAfterSeconds: failure.retryAfterSeconds,
  }
}

/** Brings whatever was thrown while a request was served, of at most so many bytes, to a `Failure`. */
export function toFailure(thrown: unknown, bytesMax?: number): Failure {
  if (thrown instanceof Failure) return thrown
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : ''
  const known = fastifyFailures[code]
  return known ? known(bytesMax) : fail('INTERNAL_ERROR', {}, { cause: thrown })
}

/** What Fastify refuses by itself, by its codes (https://fastify.dev/docs/latest/Reference/Errors/). */
const fastifyFailures: Record<string, ((bytesMax: number | undefined) => Failure) | undefined> = {
  FST_ERR_CTP_BODY_TOO_LARGE: (bytesMax) => bodyTooLarge(bytesMax),
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: () =>
    fail('INVALID_REQUEST', { field: 'Content-Length', issue: 'does not match the body' }),
  FST_ERR_CTP_INVALID_MEDIA_TYPE: () => unsupportedMedia('application/json'),
  FST_ERR_BAD_URL: () => fail('INVALID_REQUEST', { field: 'url', issue: 'is not a valid URL' }),
  ECONNRESET: () => fail('INVALID_REQUEST', { field: 'body', issue: 'ended before it was complete' }),
}

export function bodyTooLarge(bytesMax?: number): Failure {
  const limit = bytesMax === undefined ? '' : `: at most ${bytesMax} bytes, after decompression`
  return fail(
    'INVALID_REQUEST',
    { field: 'body', issue: `is too large${limit}`, reason: 'body_too_large' },
    { http: 413 },
  )
}

export function unsupportedMedia(expected: string): Failure {
  return fail(
    'INVALID_REQUEST',
    { field: 'Content-Type', issue: `is not supported: expected ${expected}` },
    { http: 415 },
  )
}
