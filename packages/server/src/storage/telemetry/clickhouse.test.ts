import { deepEqual, equal, match, rejects } from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { type TestContext, test } from 'node:test'
import type { Failure } from '../../core/failure.ts'
import { testFolder } from '../../testing/nexus.ts'
import { until } from '../../testing/until.ts'
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

const endless = 'SELECT sum(sipHash64(number)) FROM numbers(1000000000000)'
const gone = new Error('gone')

test('a query whose caller has gone is stopped, begun or not, and its reader answers the next', async (t) => {
  const clickhouse = open(t, { readers: 2 })
  const running = async () => {
    const [[count] = [0]] = await clickhouse.rows<[number]>(
      "SELECT count() FROM system.processes WHERE query LIKE '%sipHash64%' AND query NOT LIKE '%processes%'",
    )
    return count === 1
  }
  for (const begun of [false, true]) {
    const caller = new AbortController()
    const query = rejects(clickhouse.rows(endless, caller.signal), gone)
    if (begun) await until('the query runs', running)
    caller.abort(gone)
    await query
    equal(await running(), false)
  }
  deepEqual(await Promise.all([1, 2].map((n) => clickhouse.rows(`SELECT ${n}`))), [[[1]], [[2]]])
})

test('a query whose caller goes while it waits for a reader leaves at once, and those behind it keep their turn', async (t) => {
  const clickhouse = open(t)
  const [first, second] = [new AbortController(), new AbortController()]
  const running = rejects(clickhouse.rows(endless, first.signal), gone)
  const waiting = clickhouse.rows('SELECT no_such_function()', second.signal)
  const behind = clickhouse.rows('SELECT 1')
  second.abort(gone)
  // The only reader is still busy.
  await rejects(waiting, gone)
  first.abort(gone)
  await running
  deepEqual(await behind, [[1]])
})

test('a query for a caller who has gone already is not begun', async (t) => {
  await rejects(open(t).rows('SELECT no_such_function()', AbortSignal.abort(gone)), gone)
})

test('a query leaves nothing behind on the signal of its caller, whether it waited or failed', async (t) => {
  const clickhouse = open(t)
  const { signal } = new AbortController()
  const queries = ['SELECT 1', 'SELECT no_such_function()', 'SELECT 2'].map((sql) => clickhouse.rows(sql, signal))
  await Promise.allSettled(queries)
  equal(getEventListeners(signal, 'abort').length, 0)
})
