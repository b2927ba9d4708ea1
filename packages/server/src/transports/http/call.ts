import { randomUUID } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import type { Ctx, Principal } from '../../core/context.ts'
import { fail, invalid } from '../../core/failure.ts'

const requestIdShape = /^[\w.:-]{1,128}$/
const traceparentShape = /^[\da-f]{2}-([\da-f]{32})-[\da-f]{16}-[\da-f]{2}/
const bearer = /^Bearer +(\S{1,4096})$/i

/** The client's `X-Request-Id` where it is sane, else one of ours. */
export function requestIdOf(header: string | string[] | undefined): string {
  return typeof header === 'string' && requestIdShape.test(header) ? header : `req-${randomUUID()}`
}

/** The key of `Authorization: Bearer …`. */
export function bearerOf(request: FastifyRequest): string {
  const header = request.headers.authorization
  if (header === undefined)
    throw fail('UNAUTHORIZED', { field: 'Authorization', issue: 'is missing: expected Bearer and an API key' })
  const token = bearer.exec(header)?.[1]
  if (token === undefined)
    throw fail('UNAUTHORIZED', { field: 'Authorization', issue: 'expected Bearer and an API key' })
  return token
}

/** The context of one HTTP call. */
export class HttpCtx implements Ctx {
  readonly principal: Principal
  readonly requestId: string
  readonly signal: AbortSignal
  readonly #now: () => number
  readonly #traceparent: string | undefined
  #traceId: string | undefined

  constructor(principal: Principal, request: FastifyRequest, deps: { now(): number; signal: AbortSignal }) {
    this.principal = principal
    this.requestId = request.id
    this.signal = deps.signal
    this.#now = deps.now
    this.#traceparent = request.headers.traceparent as string | undefined
  }

  now(): number {
    return this.#now()
  }

  /** From `traceparent` (https://www.w3.org/TR/trace-context/), else made on first use. */
  get traceId(): string {
    this.#traceId ??= traceparentShape.exec(this.#traceparent ?? '')?.[1] ?? randomUUID().replaceAll('-', '')
    return this.#traceId
  }
}

const idempotencyKeyShape = /^[\x21-\x7e]{1,255}$/

export function idempotencyKeyOf(request: FastifyRequest): string | undefined {
  const key = request.headers['idempotency-key']
  if (key === undefined) return undefined
  if (typeof key === 'string' && idempotencyKeyShape.test(key)) return key
  throw invalid('Idempotency-Key', 'must be 1 to 255 visible ASCII characters')
}
