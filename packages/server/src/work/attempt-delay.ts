import type { RetryPolicy } from './item.ts'

/**
 * How long to wait after attempt number `attempt` (from 1) before the next: `initial × multiplier^(attempt-1)`, at most
 * `maxDelayMs`, spread by the jitter; `random` in [0, 1).
 */
export function attemptDelayMs(policy: RetryPolicy, attempt: number, random: number): number {
  const { initialDelayMs, multiplier, maxDelayMs, jitter } = policy
  const delay = Math.min(initialDelayMs * multiplier ** (attempt - 1), maxDelayMs)
  return Math.round(delay * (1 + jitter * (2 * random - 1)))
}
