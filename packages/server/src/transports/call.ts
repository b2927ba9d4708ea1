import type { IncomingHttpHeaders } from 'node:http'
import { idempotencyKeyPattern } from '@nexus/contract'
import type { FastifyReply } from 'fastify'
import type { Ctx, Principal } from '../core/context.ts'
import { type Failure, fail, invalid } from '../core/failure.ts'
import { idSequence, newTraceId } from '../core/ids.ts'

/** What is known of a request before anything of it is believed. */
export interface Call {
  /** Echoed as `X-Request-Id`. */
  id: string
  headers: IncomingHttpHeaders
  /** The address it came from. */
  ip: string
  socket: object
}

/** Where the headers of an answer gather. */
export interface HeaderSink {
  headers(values: Record<string, string>): unknown
}

const requestIdShape = /^[\w.:-]{1,128}$/
const traceparentShape = /^[\da-f]{2}-(?!0{32})([\da-f]{32})-[\da-f]{16}-[\da-f]{2}/
const bearer = /^Bearer +(\S{1,4096})$/i

const newRequestId = idSequence('req')

/** The client's `X-Request-Id` where it is sane, else one of ours. */
export function requestIdOf(header: string | string[] | undefined): string {
  return typeof header === 'string' && requestIdShape.test(header) ? header : newRequestId()
}

/** The key of `Authorization: Bearer …`; undefined where there is none. */
export function bearerOf(call: Call): string | undefined {
  const header = call.headers.authorization
  return header === undefined ? undefined : bearer.exec(header)?.[1]
}

/** The context of one call. The trace is that of `traceparent` (https://www.w3.org/TR/trace-context/), or a new one. */
export function callCtx(
  principal: Principal,
  requestId: string,
  traceparent: string | string[] | undefined,
  deps: { now(): number; signal: AbortSignal },
): Ctx {
  const inherited = typeof traceparent === 'string' ? traceparentShape.exec(traceparent)?.[1] : undefined
  let traceId = inherited
  return {
    principal,
    requestId,
    givenTraceId: inherited,
    get traceId() {
      traceId ??= newTraceId()
      return traceId
    },
    now: deps.now,
    signal: deps.signal,
  }
}

/**
 * Aborted when the connection goes before the answer is finished, with a failure that nobody will read; `onGone` is told
 * first. It hangs on the answer alone, so that nothing stays behind on a connection that is kept alive.
 */
export function callerSignal({ raw }: FastifyReply, onGone: () => void): AbortSignal {
  const controller = new AbortController()
  const look = () => {
    if (raw.writableFinished) return
    onGone()
    controller.abort(callerGone())
  }
  if (raw.destroyed) look()
  else raw.once('close', look)
  return controller.signal
}

/** As nginx counts callers who did not wait for the answer. */
export const hungUp = 499

/** Why a call is given up whose caller has left: nobody will read it. */
export function callerGone(): Failure {
  return fail('INVALID_REQUEST', { field: 'request', reason: 'caller_gone', issue: 'was left before its answer' })
}

const idempotencyKeyShape = new RegExp(idempotencyKeyPattern)

export function idempotencyKeyOf(call: Call): string | undefined {
  const key = call.headers['idempotency-key']
  if (key === undefined) return undefined
  if (typeof key === 'string' && idempotencyKeyShape.test(key)) return key
  throw invalid('Idempotency-Key', 'must be 1 to 255 visible ASCII characters')
}
