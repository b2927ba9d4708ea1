import type { Static, TSchema } from 'typebox'
import type { ErrorCode } from './errors.ts'
import type { RateBucket } from './rates.ts'
import type { Scope } from './scopes.ts'

export type HttpMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** A method and a path template, such as `GET /v1/auth/keys/{key_id}`. */
export type HttpRoute = `${HttpMethod} /${string}`

/**
 * One thing that Nexus does, described once: REST routes, WebSocket calls, OpenAPI, SDK types and CLI commands follow
 * from it.
 */
export interface Operation<Input extends TSchema = TSchema, Output extends TSchema = TSchema> {
  /** `room.verb`; stable, and the name under which every transport offers it. */
  id: string
  summary: string
  description?: string
  /**
   * `write` runs in one state transaction; `append` is durable through the ingest log; `lease` waits for work and takes it
   * in a transaction of its own; `read` changes nothing.
   */
  effect: 'read' | 'write' | 'append' | 'lease'
  /** What the caller's key must hold, all of it where several are named; `null` is open to every valid key. */
  scope: Scope | readonly Scope[] | null
  /** A part of the scope, such as `command:execute:diagnostic`, admits to that part. */
  narrowable?: boolean
  /** The rate-limit bucket that a call spends from. */
  rate: RateBucket
  /** True: the last quarter of the bucket is not for it, but for calls that keep or end the work in hand. */
  yields?: boolean
  /** The first route is the canonical one. Path parameters are fields of the input. */
  http: readonly [HttpRoute, ...HttpRoute[]]
  /** The HTTP status of success. */
  status: 200 | 201 | 202 | 204
  /** Another status of success: where the answer has this field, or (null) is null. */
  otherSuccess?: { status: 200 | 204; has: string | null }
  /** Where what was made is found, as a path template over the answer; the header `Location`. */
  location?: string
  /** The field of the answer that is its version: the header `ETag`; `If-Match` is read as the input's `if_match`. */
  etag?: string
  /** True for a POST that creates: `Idempotency-Key` is honoured for 24 hours. */
  idempotent: boolean
  /** How large a request body may be, in bytes, after decompression. */
  bodyBytesMax: number
  /** Media types that the answer can take beside `application/json`. */
  alternatives?: readonly string[]
  input: Input
  output: Output
  /** What the operation itself may answer, beyond what every operation may (`commonErrors`). */
  errors: readonly ErrorCode[]
}

export type InputOf<O extends Operation> = Static<O['input']>
export type OutputOf<O extends Operation> = Static<O['output']>

/** The scopes that a caller's key must hold, all of them; none: any valid key will do. */
export function scopesNeeded({ scope }: Pick<Operation, 'scope'>): readonly Scope[] {
  if (scope === null) return []
  return typeof scope === 'string' ? [scope] : scope
}

/** The first scope that keys lack for an operation; undefined: they may call it. */
export function scopeMissing(
  operation: Pick<Operation, 'scope' | 'narrowable'>,
  held: readonly Scope[],
): Scope | undefined {
  if (held.includes('admin')) return undefined
  const isPart = (scope: Scope) => held.some((one) => one.startsWith(`${scope}:`))
  return scopesNeeded(operation).find(
    (scope) => !held.includes(scope) && !(operation.narrowable === true && isPart(scope)),
  )
}

/** The HTTP status of a success, by its answer. */
export function successStatus({ status, otherSuccess }: Pick<Operation, 'status' | 'otherSuccess'>, output: unknown) {
  if (!otherSuccess) return status
  const { has } = otherSuccess
  const isOther = has === null ? output === null : Object.hasOwn(output as object, has)
  return isOther ? otherSuccess.status : status
}

/** What an `Idempotency-Key` may be. */
export const idempotencyKeyPattern = '^[\\x21-\\x7e]{1,255}$'

type Effect = Operation['effect']

type Declared<I extends TSchema, O extends TSchema, E extends Effect> = Omit<
  Operation<I, O>,
  'http' | 'status' | 'idempotent' | 'errors' | 'bodyBytesMax' | 'effect'
> & {
  effect: E
  http: HttpRoute | readonly [HttpRoute, ...HttpRoute[]]
  status?: Operation['status']
  idempotent?: boolean
  errors?: readonly ErrorCode[]
  bodyBytesMax?: number
}

/** Declares an operation; what is left out takes the defaults: 200, not idempotent, no errors of its own, 64 KiB. */
export function operation<const I extends TSchema, const O extends TSchema, const E extends Effect>(
  declared: Declared<I, O, E>,
): Operation<I, O> & { effect: E } {
  const http = typeof declared.http === 'string' ? ([declared.http] as const) : declared.http
  return { status: 200, idempotent: false, errors: [], bodyBytesMax: 64 * 1024, ...declared, http }
}
