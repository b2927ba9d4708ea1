import { deepEqual, ok, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import { type Aggregation, aggregations, type MetricType, metricTypes } from '@nexus/contract'
import { openTelemetryRoom } from '../testing/telemetry-room.ts'

const start = Date.UTC(2025, 10, 3)
const minutes = [0, 1, 50]

/** Three readings a type, at 0, 1 and 50 minutes of an hour. */
const readings: Record<MetricType, unknown[]> = {
  number: [1, 2, 4],
  boolean: [true, false, true],
  string: ['b', 'a', 'b'],
  array: [[1], [1, 2], []],
  object: [{ a: 1 }, { a: 2 }, { a: 2 }],
}

/** The aggregate of those readings over the hour; what is not there does not apply. */
const expected: Record<MetricType, Partial<Record<Aggregation, unknown>>> = {
  number: {
    avg: 7 / 3,
    min: 1,
    max: 4,
    sum: 7,
    count: 3,
    first: 1,
    last: 4,
    p50: 2,
    p90: 3.6,
    p95: 3.8,
    p99: 3.96,
    stddev: Math.sqrt(14 / 9),
    rate: 3 / 3600,
    delta: 3,
    distinct: 3,
  },
  boolean: { avg: 2 / 3, min: 0, max: 1, sum: 2, count: 3, first: true, last: true },
  string: { count: 3, first: 'b', last: 'b', distinct: 2 },
  array: { count: 3, last: [] },
  object: { count: 3, last: { a: 2 } },
}

test('every aggregation of every type is as documented: the value, or null with a warning, from points and roll-ups', async (t) => {
  const { room, ctx } = await openTelemetryRoom(t)
  const frames = minutes.map((minute, i) => ({
    device_id: 'd',
    timestamp: start + minute * 60_000,
    metrics: Object.fromEntries(metricTypes.map((type) => [`of_${type}`, readings[type][i]])),
  }))
  await room.sendBatch(ctx, { frames })
  const range = { start_time: start, end_time: start + 3_600_000 }
  const query = room.handlers['telemetry.query']
  for (const rolled of [false, true]) {
    if (rolled) await room.rollAll()
    for (const interval of [undefined, '1h']) {
      for (const type of metricTypes) {
        for (const aggregation of aggregations) {
          const what = `${aggregation} of ${type}${interval ? ' by the hour' : ''}${rolled ? ', rolled up' : ''}`
          const input = { ...range, aggregation, ...(interval && { interval }), metrics: `of_${type}` }
          const applies = aggregation in expected[type]
          if (!applies) await rejects(query(ctx, input), { code: 'INVALID_REQUEST' }, what)
          // Beside a metric to which everything applies, what does not is null and warned of.
          const { data, warnings = [] } = await query(ctx, { ...input, metrics: `of_${type},of_number` })
          const value = data[0]?.[`of_${type}`]
          ok(same(value, applies ? expected[type][aggregation] : null), `${what} is ${JSON.stringify(value)}`)
          ok(same(data[0]?.of_number, expected.number[aggregation]), what)
          deepEqual(
            warnings.map(({ reason, field }) => [reason, field]),
            applies ? [] : [['type_not_applicable', `metrics.of_${type}`]],
            what,
          )
        }
      }
    }
  }
})

test('a metric of several types is aggregated over those that the aggregation reads, and a warning names the rest', async (t) => {
  const { room, ctx } = await openTelemetryRoom(t)
  const values = [1, 'text', true, [1], { a: 1 }, 3]
  const frames = values.map((m, i) => ({ device_id: 'd', timestamp: start + i, metrics: { m } }))
  await room.sendBatch(ctx, { frames })
  const answers: Partial<Record<Aggregation, unknown>> = {
    sum: 5,
    avg: 5 / 3,
    count: 6,
    p50: 2,
    distinct: 3,
    first: 1,
    last: 3,
  }
  for (const [aggregation, value] of Object.entries(answers) as [Aggregation, unknown][]) {
    const range = { start_time: start, end_time: start + 1000, metrics: 'm' }
    const { data, warnings } = await room.handlers['telemetry.query'](ctx, { ...range, aggregation })
    ok(same(data[0]?.m, value), `${aggregation} is ${JSON.stringify(data[0]?.m)}`)
    deepEqual(warnings?.length ?? 0, ['count', 'last'].includes(aggregation) ? 0 : 1, aggregation)
  }
})

test('an interval without an aggregation gives the mean of numbers, and the last of what is none', async (t) => {
  const { room, ctx } = await openTelemetryRoom(t)
  const frames = [0, 1].map((i) => ({
    device_id: 'd',
    timestamp: start + i,
    metrics: { n: i, s: `s${i}`, b: i === 0 },
  }))
  await room.sendBatch(ctx, { frames })
  const range = { start_time: start, end_time: start + 60_000, metrics: 'n,s,b' }
  const { data } = await room.handlers['telemetry.query'](ctx, { ...range, interval: '1m' })
  deepEqual(data, [{ timestamp: '2025-11-03T00:00:00Z', n: 0.5, s: 's1', b: false }])
})

test('a counter that falls is taken to have begun at zero, by rate and not by delta', async (t) => {
  const { room, ctx } = await openTelemetryRoom(t)
  const frames = [10, 15, 3, 5].map((m, i) => ({ device_id: 'd', timestamp: start + i * 1000, metrics: { m } }))
  await room.sendBatch(ctx, { frames })
  const range = { start_time: start, end_time: start + 10_000, metrics: 'm' }
  const ask = async (aggregation: Aggregation) =>
    (await room.handlers['telemetry.query'](ctx, { ...range, aggregation })).data[0]?.m
  deepEqual([await ask('rate'), await ask('delta')], [(5 + 3 + 2) / 10, -5])
})

function same(a: unknown, b: unknown): boolean {
  if (typeof a === 'number' && typeof b === 'number') return Math.abs(a - b) < 1e-12
  return JSON.stringify(a) === JSON.stringify(b)
}
