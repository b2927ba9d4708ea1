import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import type { PostResult } from './post.ts'
import { attemptsDefault, nextAttemptAt, retryAfterMs } from './schedule.ts'
import { settlementOf } from './settlement.ts'

const [second, minute, hour] = [1000, 60_000, 3_600_000]
const table = [5 * second, 5 * minute, 30 * minute, 2 * hour, 5 * hour, 10 * hour, 14 * hour, 20 * hour, 24 * hour]

test('attempts follow each other as Standard Webhooks has it, a tenth more or less', () => {
  equal(attemptsDefault, 10)
  for (const [i, delay] of table.entries()) {
    equal(nextAttemptAt(i + 1, 7, 0.5), 7 + delay)
    equal(nextAttemptAt(i + 1, 7, 0), 7 + delay * 0.9)
    ok(Math.abs(nextAttemptAt(i + 1, 7, 1) - 7 - delay * 1.1) <= 1)
  }
})

test('an attempt comes no earlier than the receiver asked for, a day at most', () => {
  equal(nextAttemptAt(1, 0, 0.5, 60 * second), 60 * second)
  equal(nextAttemptAt(2, 0, 0.5, 60 * second), 5 * minute)
  equal(nextAttemptAt(1, 0, 0.5, 999 * hour), 24 * hour)
})

const now = Date.parse('2026-11-24T12:00:00Z')
const headers: [header: string | undefined, ms: number][] = [
  [undefined, 0],
  ['0', 0],
  ['120', 120_000],
  [' 5 ', 5000],
  ['-5', 0],
  ['1.5', 0],
  ['soon', 0],
  ['99999999999999999999', 0],
  ['Tue, 24 Nov 2026 12:00:30 GMT', 30_000],
  ['Tue, 24 Nov 2026 11:59:30 GMT', 0],
  ['x'.repeat(1000), 0],
]
for (const [header, ms] of headers) {
  test(`Retry-After: ${header?.slice(0, 40)} asks for ${ms} ms`, () => equal(retryAfterMs(header, now), ms))
}

const came = (error: PostResult['error'], statusCode: number | null, more: Partial<PostResult> = {}): PostResult => ({
  error,
  statusCode,
  response: null,
  isWhole: true,
  retryAfterMs: 0,
  ...more,
})
const outcomes: [what: string, attempts: number, result: PostResult, status: string, dueAt?: number][] = [
  ['a success ends it', 1, came(null, 204), 'delivered'],
  ['a failure brings the next attempt', 1, came('http_error', 500), 'pending', 5000],
  ['so does one without an answer', 2, came('timeout', null), 'pending', 300_000],
  ['and one that was refused, for names change', 1, came('address_refused', null), 'pending', 5000],
  ['Retry-After puts it off', 1, came('http_error', 429, { retryAfterMs: 9000 }), 'pending', 9000],
  ['410 ends it', 1, came('gone', 410), 'failed'],
  ['the last failure ends it', 10, came('http_error', 500), 'failed'],
]
for (const [what, attempts, result, status, dueAt] of outcomes) {
  test(what, () => {
    const { retryAfterMs: _, ...kept } = result
    deepEqual(settlementOf({ attempts, attemptsMax: 10 }, result, 0, 0.5), {
      status,
      ...kept,
      ...(dueAt !== undefined && { dueAt }),
    })
  })
}
