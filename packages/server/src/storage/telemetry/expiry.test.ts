import { deepEqual } from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { drainBatchOf } from '../../testing/drain-batch.ts'
import { testFolder } from '../../testing/nexus.ts'
import { openChdb } from './chdb.ts'
import { openTelemetryStore } from './store.ts'

const hour = 3_600_000_000
const at = (text: string) => Date.parse(`2025-${text}Z`) * 1000

/** A store with points at these instants, rolled up. Months are written as the engine names them. */
async function openWith(t: TestContext, points: [metric: string, at: number][]) {
  const bounds = { readers: 1, queryTimeoutMs: 30_000, queryMemoryBytes: 1 << 30, onQuery: () => {} }
  const clickhouse = openChdb({ path: testFolder(t), ...bounds })
  t.after(() => clickhouse.close())
  const store = await openTelemetryStore(clickhouse)
  await store.insertBatch(drainBatchOf(points.map(([metric, at]) => ({ device: 'd', metric, at, value: 1 }))))
  await store.rollUp(
    points.map(([, at]) => ({ device: 'd', hour: Math.floor(at / hour) })),
    2,
  )

  const expire = async (cutoffs: { metrics: string[]; before: number }[]) => {
    const parts = await store.pastParts(cutoffs)
    for (const part of parts) await store.expire(cutoffs, part)
    return parts.map(({ table, month }) => (month === undefined ? table : `${table} ${month}`))
  }
  const rewritten = async () => {
    const sql =
      "SELECT table || ' ' || extract(command, 'PARTITION ID .(\\\\d+)') AS part FROM system.mutations ORDER BY part"
    return (await clickhouse.rows<[string]>(sql)).flat()
  }
  const left = async (table: string, column: string) => {
    const sql = `SELECT metric, toUnixTimestamp64Micro(toDateTime64(${column}, 6)) FROM ${table} FINAL ORDER BY ALL`
    return (await clickhouse.rows<[string, number]>(sql)).map(
      ([metric, at]) => `${metric} ${new Date(at / 1000).toISOString().slice(5, 13)}`,
    )
  }
  return { expire, rewritten, left }
}

test('nothing is deleted or rewritten while nothing is past, or less than a day', async (t) => {
  const { expire, rewritten, left } = await openWith(t, [
    ['m', at('11-03T05:00:00')],
    ['m', at('11-20T00:00:00')],
  ])
  for (const before of [at('10-01T00:00:00'), at('11-03T05:00:00'), at('11-04T05:00:00')])
    deepEqual(await expire([{ metrics: ['m'], before }]), [])
  deepEqual(await rewritten(), [])
  deepEqual(await left('points', 'ts'), ['m 11-03T05', 'm 11-20T00'])
})

test('once a day more is past it goes, with all that is past by then, and no month is rewritten but its own', async (t) => {
  const { expire, rewritten, left } = await openWith(t, [
    ['m', at('11-03T05:00:00')],
    ['m', at('11-04T04:00:00')],
    ['m', at('11-04T06:00:00')],
    ['m', at('12-01T00:00:00')],
  ])
  const cutoffs = [{ metrics: ['m'], before: at('11-04T06:00:00') }]
  deepEqual(await expire(cutoffs), ['points 202511', 'rollup_1m 202511', 'rollup_1h 202511'])
  for (const [table, column] of [
    ['points', 'ts'],
    ['rollup_1m', 't'],
    ['rollup_1h', 't'],
  ] as const)
    deepEqual(await left(table, column), ['m 11-04T06', 'm 12-01T00'], table)
  deepEqual(await rewritten(), ['points 202511', 'rollup_1h 202511', 'rollup_1m 202511'])
  deepEqual(await expire(cutoffs), [])
})

test('a month of which all is past is dropped as a whole, and nothing is rewritten', async (t) => {
  const { expire, rewritten, left } = await openWith(t, [
    ['a', at('09-30T23:00:00')],
    ['b', at('10-01T00:00:00')],
    ['a', at('10-31T23:00:00')],
    ['a', at('11-02T00:00:00')],
    ['b', at('11-02T00:00:00')],
  ])
  // Two policies, both of which reach over all of October.
  const cutoffs = [
    { metrics: ['a'], before: at('11-01T00:00:00') },
    { metrics: ['b'], before: at('11-01T12:00:00') },
  ]
  const months = ['202509', '202510']
  const expected = ['points', 'rollup_1m', 'rollup_1h'].flatMap((table) => months.map((month) => `${table} ${month}`))
  deepEqual((await expire(cutoffs)).sort(), expected.sort())
  for (const [table, column] of [
    ['points', 'ts'],
    ['rollup_1m', 't'],
    ['rollup_1h', 't'],
  ] as const)
    deepEqual(await left(table, column), ['a 11-02T00', 'b 11-02T00'], table)
  deepEqual(await rewritten(), [])
})

test('a month in which one metric is kept loses the others, and stays', async (t) => {
  const { expire, left } = await openWith(t, [
    ['debug', at('10-05T00:00:00')],
    ['kept', at('10-05T00:00:00')],
    ['debug', at('11-20T00:00:00')],
  ])
  const cutoffs = [{ metrics: ['debug'], before: at('11-10T00:00:00') }]
  await expire(cutoffs)
  deepEqual(await left('points', 'ts'), ['debug 11-20T00', 'kept 10-05T00'])
  deepEqual(await expire(cutoffs), [])
})

test('a series goes from the catalogue with its last points, and no sooner', async (t) => {
  const { expire, left } = await openWith(t, [
    ['old', at('10-05T00:00:00')],
    ['late', at('11-06T00:00:00')],
    ['new', at('10-05T00:00:00')],
    ['new', at('11-20T00:00:00')],
  ])
  const all = (before: number) => [{ metrics: ['old', 'late', 'new'], before }]
  await expire(all(at('10-06T00:00:00')))
  deepEqual(await left('series', 'last_at'), ['late 11-06T00', 'new 11-20T00', 'old 10-05T00'])
  // The last points of one are due, those of another are past for some hours.
  await expire(all(at('11-06T10:00:00')))
  deepEqual(await left('series', 'last_at'), ['late 11-06T00', 'new 11-20T00'])
  deepEqual(await left('points', 'ts'), ['late 11-06T00', 'new 11-20T00'])
  await expire(all(at('11-07T10:00:00')))
  deepEqual([await left('series', 'last_at'), await left('points', 'ts')], [['new 11-20T00'], ['new 11-20T00']])
})
