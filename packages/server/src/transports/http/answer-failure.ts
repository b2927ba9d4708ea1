import { spendOrRefuse } from '../admit.ts'
import type { Call, HeaderSink } from '../call.ts'
import { errorAnswer, toFailure } from '../error-answer.ts'
import type { TransportDeps } from '../ports.ts'

/** What of a call is logged when it fails by a bug of ours. */
export interface FailedCall extends Call {
  method: string
  url: string
  /** Of its route, where it has one. */
  bodyBytesMax?: number | undefined
}

export interface FailureSink extends HeaderSink {
  hasHeader(name: string): boolean
}

/** Status and text of the answer to whatever was thrown; its headers, but for those of every answer, go to `reply`. */
export function answerFailure(
  deps: TransportDeps,
  thrown: unknown,
  call: FailedCall,
  reply: FailureSink,
): { status: number; body: string } {
  const failure = toFailure(thrown, call.bodyBytesMax)
  if (failure.code === 'INTERNAL_ERROR' || failure.cause) {
    deps.onBug(failure.cause ?? failure, { requestId: call.id, method: call.method, url: call.url })
  }
  // Refusals before `admit` have spent nothing; they show the limit all the same.
  if (!reply.hasHeader('x-ratelimit-limit')) {
    try {
      spendOrRefuse(deps.spendAddress(call.ip, 'other'), reply, deps.now())
    } catch (exceeded) {
      return answerFailure(deps, exceeded, call, reply)
    }
  }
  const { status, body, retryAfterSeconds } = errorAnswer(failure, call.id, deps.now())
  if (retryAfterSeconds !== undefined) reply.headers({ 'retry-after': String(retryAfterSeconds) })
  // Which credentials are taken (RFC 9110, 11.6.1).
  if (status === 401) reply.headers({ 'www-authenticate': 'Bearer realm="nexus"' })
  if (failure.http === 413) reply.headers({ connection: 'close' })
  return { status, body: JSON.stringify(body) }
}
