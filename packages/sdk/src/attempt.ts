import { errorOf, NexusError } from './nexus-error.ts'
import type { HttpCall } from './request.ts'

/** What stays the same over every try of a call. */
export interface AttemptDeps {
  /** Without a path. */
  origin: string
  apiKey: string
  fetch: typeof fetch
  timeoutMs: number
  idempotencyKey: string | undefined
  signal: AbortSignal | undefined
}

/** One try: the parsed body of a 2xx (`null` when it is empty), else a `NexusError`, or the reason of the abort. */
export async function attempt(deps: AttemptDeps, call: HttpCall): Promise<unknown> {
  const timeout = AbortSignal.timeout(deps.timeoutMs)
  const signal = deps.signal ? AbortSignal.any([deps.signal, timeout]) : timeout
  // A browser's fetch refuses to be called as a method of another object.
  const { fetch } = deps
  let response: Response
  let text: string
  try {
    response = await fetch(`${deps.origin}${call.path}`, {
      method: call.method,
      headers: headersOf(deps, call),
      signal,
      ...(call.body !== undefined && { body: call.body }),
    })
    text = await response.text()
  } catch (cause) {
    deps.signal?.throwIfAborted()
    throw noAnswer(cause, timeout.aborted, deps)
  }
  if (!response.ok) throw errorOf(response, text)
  return answerOf(response, text)
}

function headersOf(deps: AttemptDeps, call: HttpCall): Record<string, string> {
  return {
    accept: 'application/json',
    authorization: `Bearer ${deps.apiKey}`,
    ...(call.body !== undefined && { 'content-type': 'application/json' }),
    ...(deps.idempotencyKey !== undefined && { 'idempotency-key': deps.idempotencyKey }),
  }
}

export function noAnswer(
  cause: unknown,
  timedOut: boolean,
  { origin, timeoutMs }: Pick<AttemptDeps, 'origin' | 'timeoutMs'>,
): NexusError {
  return timedOut
    ? new NexusError('TIMEOUT', `no answer from ${origin} within ${timeoutMs} ms`, {
        status: 0,
        details: { reason: 'client_timeout' },
        cause,
      })
    : new NexusError('SERVICE_UNAVAILABLE', `no answer from ${origin}: ${reasonOf(cause)}`, {
        status: 0,
        details: { reason: 'network_error' },
        cause,
      })
}

/** What stands behind fetch's own "fetch failed". */
function reasonOf(failure: unknown): string {
  const { message, cause } = failure as { message?: string; cause?: { message?: string; code?: string } }
  return cause?.message || cause?.code || message || String(failure)
}

function answerOf(response: Response, text: string): unknown {
  if (text === '') return null
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new NexusError('INTERNAL_ERROR', 'the answer is not JSON', {
      status: response.status,
      details: { reason: 'unreadable_answer' },
      cause,
    })
  }
}
