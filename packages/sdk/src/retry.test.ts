import { equal } from 'node:assert/strict'
import { test } from 'node:test'
import { NexusError, retryAfterOf } from './nexus-error.ts'
import { retryDefaults, retryDelayMs } from './retry.ts'

const still = { ...retryDefaults, retries: 9, random: () => 0 }
const error = (status: number, retryAfterSeconds?: number) =>
  new NexusError('INTERNAL_ERROR', 'x', { status, retryAfterSeconds })

const rows: [what: string, status: number, retryAfter: number | undefined, retry: number, delay: number | undefined][] =
  [
    ['the first wait is a second', 500, undefined, 0, 1000],
    ['each wait doubles', 503, undefined, 2, 4000],
    ['no wait is longer than 30 s', 504, undefined, 8, 30_000],
    ['no answer counts as transient', 0, undefined, 0, 1000],
    ['Retry-After goes before the backoff', 503, 3, 2, 3000],
    ['a longer Retry-After than the policy allows ends the call', 429, 31, 0, undefined],
    ['a 429 without Retry-After ends the call', 429, undefined, 0, undefined],
    ['a refusal ends the call', 409, 1, 0, undefined],
    ['spent tries end the call', 500, undefined, 9, undefined],
  ]
for (const [what, status, retryAfter, retry, delay] of rows) {
  test(what, () => equal(retryDelayMs(still, error(status, retryAfter), retry), delay))
}

test('jitter only lengthens a wait, by a quarter at most', () => {
  const jittery = { ...retryDefaults, random: () => 0.999 }
  equal(Math.round(retryDelayMs(jittery, error(500), 0)!), 1250)
  equal(Math.round(retryDelayMs(jittery, error(503, 2), 0)!), 2250)
})

test('Retry-After is read as seconds and as a date', () => {
  const now = Date.parse('2025-11-03T00:00:00Z')
  equal(retryAfterOf('12', now), 12)
  equal(retryAfterOf('Mon, 03 Nov 2025 00:00:05 GMT', now), 5)
  equal(retryAfterOf('Sun, 02 Nov 2025 00:00:00 GMT', now), 0)
  equal(retryAfterOf('soon', now), undefined)
  equal(retryAfterOf(null, now), undefined)
})
