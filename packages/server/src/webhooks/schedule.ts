const second = 1000
const minute = 60 * second
const hour = 60 * minute

/** How long after each failed attempt the next follows: that of Standard Webhooks, over three days. */
const delaysMs = [
  5 * second,
  5 * minute,
  30 * minute,
  2 * hour,
  5 * hour,
  10 * hour,
  14 * hour,
  20 * hour,
  24 * hour,
] as const

export const attemptsDefault = delaysMs.length + 1
const jitter = 0.1
const retryAfterMsMax = 24 * hour

/**
 * When the attempt after `attempts` failed ones is due: the delay of the table, a tenth more or less by `random` (0 to 1),
 * and no earlier than the receiver asked for, which may be a day at most.
 */
export function nextAttemptAt(attempts: number, now: number, random: number, retryAfterMs = 0): number {
  const delay = delaysMs[Math.min(attempts, delaysMs.length) - 1] ?? delaysMs[0]
  const spread = Math.round(delay * (1 + jitter * (2 * random - 1)))
  return now + Math.max(spread, Math.min(retryAfterMs, retryAfterMsMax))
}

/** The header `Retry-After`, in seconds or as a date (RFC 9110, 10.2.3), in ms from now; 0: none that can be read. */
export function retryAfterMs(header: string | undefined, now: number): number {
  if (header === undefined || header.length > 64) return 0
  if (/^\s*\d{1,10}\s*$/.test(header)) return Number(header) * second
  const at = /^\s*[A-Za-z]{3}/.test(header) ? Date.parse(header) : Number.NaN
  return Number.isNaN(at) ? 0 : Math.max(0, at - now)
}
