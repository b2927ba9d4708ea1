import type { ClaimedDelivery, Settlement } from './ports.ts'
import type { PostResult } from './post.ts'
import { nextAttemptAt } from './schedule.ts'

/** What becomes of a delivery after an attempt. 410 says that nobody will ever listen there: it ends at once. */
export function settlementOf(
  { attempts, attemptsMax }: Pick<ClaimedDelivery, 'attempts' | 'attemptsMax'>,
  { retryAfterMs, ...result }: PostResult,
  now: number,
  random: number,
): Settlement {
  if (result.error === null) return { status: 'delivered', ...result }
  if (result.error === 'gone' || attempts >= attemptsMax) return { status: 'failed', ...result }
  return { status: 'pending', dueAt: nextAttemptAt(attempts, now, random, retryAfterMs), ...result }
}
