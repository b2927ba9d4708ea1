import { deepEqual, equal, match, rejects } from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Failure } from '../../core/failure.ts'
import { testFolder } from '../../testing/nexus.ts'
import { openChdb } from './chdb.ts'

const mib = 1024 * 1024

function open(t: TestContext, options: Partial<Parameters<typeof openChdb>[0]> = {}) {
  const bounds = { readers: 1, queryTimeoutMs: 60_000, queryMemoryBytes: 1024 * mib }
  const clickhouse = openChdb({ path: testFolder(t), ...bounds, onQuery: () => {}, ...options })
  t.after(() => clickhouse.close())
  return clickhouse
}

function failureOf(promise: Promise<unknown>): Promise<Failure> {
  return promise.then(
    () => Promise.reject(new Error('it was answered')),
    (failure: Failure) => failure,
  )
}

test('a query that needs more memory than one may is refused with the limit and what to narrow; the next is answered', async (t) => {
  const clickhouse = open(t, { queryMemoryBytes: 32 * mib })
  const refusal = await failureOf(clickhouse.rows('SELECT uniqExact(number) FROM numbers(10000000)'))
  deepEqual(
    [refusal.code, refusal.details.reason, refusal.details.limit],
    ['INVALID_REQUEST', 'query_too_large', '32 MiB'],
  )
  match(refusal.details.issue!, /more than 32 MiB of memory: narrow the range/)
  // What has a cause is logged as a fault of the server.
  equal(refusal.cause, undefined)
  deepEqual(await clickhouse.rows('SELECT uniqExact(number) FROM numbers(1000)'), [[1000]])
})

test('a query that takes too long is TIMEOUT, and says what to narrow', async (t) => {
  const clickhouse = open(t, { queryTimeoutMs: 100 })
  const refusal = await failureOf(clickhouse.rows('SELECT sum(sipHash64(number)) FROM numbers(1000000000000)'))
  deepEqual([refusal.code, refusal.details.reason], ['TIMEOUT', 'query_too_slow'])
})

test('what is no bound of a query comes through as it was thrown', async (t) => {
  await rejects(open(t).rows('SELECT no_such_function()'), { type: 'UNKNOWN_FUNCTION' })
})
