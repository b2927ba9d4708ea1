import type { NexusError } from './nexus-error.ts'

/** How calls that are safe to repeat are repeated. */
export interface RetryPolicy {
  /** Tries after the first. */
  retries: number
  initialDelayMs: number
  multiplier: number
  /** The longest wait; a `Retry-After` beyond it ends the call instead. */
  maxDelayMs: number
  /** In [0, 1); spreads the waits of many clients. */
  random(): number
  /** Resolves after `ms`, or rejects with the signal's reason. */
  sleep(ms: number, signal: AbortSignal | undefined): Promise<void>
}

/** The specification's strategy ("Retry Strategy"). */
export const retryDefaults: RetryPolicy = {
  retries: 3,
  initialDelayMs: 1000,
  multiplier: 2,
  maxDelayMs: 30_000,
  random: Math.random,
  sleep: abortableSleep,
}

/**
 * How long to wait before retry number `retry` (from 0), or `undefined` when the call must end: the failure is not
 * transient, the tries are spent, or the server asks for more patience than the policy has. A wait is never shorter
 * than `Retry-After` or the backoff; up to a quarter is added to part clients that failed together.
 */
export function retryDelayMs(policy: RetryPolicy, error: NexusError, retry: number): number | undefined {
  if (retry >= policy.retries || !isTransient(error)) return undefined
  const backoff = Math.min(policy.initialDelayMs * policy.multiplier ** retry, policy.maxDelayMs)
  const jitter = (backoff / 4) * policy.random()
  if (error.retryAfterSeconds === undefined) return Math.min(backoff + jitter, policy.maxDelayMs)
  const asked = error.retryAfterSeconds * 1000
  return asked > policy.maxDelayMs ? undefined : asked + jitter
}

function isTransient(error: NexusError): boolean {
  if (error.status === 429) return error.retryAfterSeconds !== undefined
  return error.status === 0 || error.status >= 500
}

function abortableSleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort)
      resolve()
    }, ms)
    if (signal?.aborted) abort()
    else signal?.addEventListener('abort', abort, { once: true })
  })
}
