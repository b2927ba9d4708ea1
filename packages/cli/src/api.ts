import { type ErrorCode, type ErrorDetails, errorCodes, errorTable, type Input, type Output } from '@nexus/contract'
import type { Connection } from './connection.ts'

/** The server's refusal, or `SERVICE_UNAVAILABLE` when no server answered. */
export class ApiFailure extends Error {
  readonly code: ErrorCode
  readonly details: ErrorDetails
  readonly requestId: string | undefined

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}, requestId?: string) {
    super(message)
    this.name = 'ApiFailure'
    this.code = code
    this.details = details
    this.requestId = requestId
  }
}

/** The operations that the commands need. */
export function keysApi(to: Connection) {
  const keyPath = (id: string) => `/v1/auth/keys/${encodeURIComponent(id)}`
  return {
    create: (input: Input<'auth.keys.create'>) => call<Output<'auth.keys.create'>>(to, 'POST', '/v1/auth/keys', input),
    list: (cursor: string | undefined) =>
      call<Output<'auth.keys.list'>>(to, 'GET', `/v1/auth/keys?${new URLSearchParams(cursor ? { cursor } : {})}`),
    revoke: (id: string) => call<null>(to, 'DELETE', keyPath(id)),
    rotate: (id: string, body: Omit<Input<'auth.keys.rotate'>, 'key_id'>) =>
      call<Output<'auth.keys.rotate'>>(to, 'POST', `${keyPath(id)}/rotate`, body),
  }
}

async function call<T>(to: Connection, method: string, path: string, body?: unknown): Promise<T> {
  const response = await fetch(new URL(path, to.url), {
    method,
    headers: { authorization: `Bearer ${to.key}`, ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    redirect: 'error',
    signal: AbortSignal.timeout(30_000),
  }).catch((error: Error) => {
    const reason = error.cause instanceof Error ? error.cause.message : error.message
    throw new ApiFailure('SERVICE_UNAVAILABLE', `no answer from ${to.url}: ${reason}`)
  })
  const text = await response.text()
  const answer = parsed(text)
  if (!response.ok) throw failureOf(response.status, answer)
  return answer as T
}

function parsed(text: string): unknown {
  try {
    return text === '' ? null : JSON.parse(text)
  } catch {
    throw new ApiFailure('INTERNAL_ERROR', 'what answered is not Nexus: its answer is not JSON')
  }
}

function failureOf(status: number, answer: unknown): ApiFailure {
  const error = (answer as { error?: Record<string, unknown> } | null)?.error
  const code =
    errorCodes.find((known) => known === error?.code) ?? errorCodes.find((known) => errorTable[known].http === status)
  const message = typeof error?.message === 'string' ? error.message : `HTTP ${status}`
  return new ApiFailure(
    code ?? 'INTERNAL_ERROR',
    message,
    (error?.details ?? {}) as ErrorDetails,
    error?.request_id as string,
  )
}
