import { deepEqual, ok } from 'node:assert/strict'
import { test } from 'node:test'
import type { Input } from '@nexus/contract'
import fc from 'fast-check'
import { Failure } from '../core/failure.ts'
import { bucketOf, type NaivePoint, type NaiveQuery, naiveQuery } from '../testing/naive-query.ts'
import { openTelemetryRoom } from '../testing/telemetry-room.ts'

const day = 86_400_000
const origin = Date.parse('2025-10-24T00:00:00Z')
const zones = ['UTC', 'America/New_York', 'Asia/Kolkata', 'Australia/Lord_Howe', 'Europe/Berlin']
const regions = ['eu', 'us']

// Half of the instants fall on a minute, so that identities collide and boundaries are hit.
const instant = fc.oneof(
  fc.integer({ min: 0, max: 12 * 24 * 60 }).map((minute) => origin + minute * 60_000),
  fc.integer({ min: 0, max: 12 * day }).map((ms) => origin + ms),
  fc.integer({ min: 0, max: 180 }).map((minute) => origin + 9 * day + minute * 60_000),
)
const value = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: -1000, max: 1000 }).map((n) => n / 4) },
  { weight: 1, arbitrary: fc.boolean() },
  { weight: 1, arbitrary: fc.constantFrom('on', 'off') },
)
const write = fc.record({
  device: fc.nat(3),
  metric: fc.nat(1),
  ms: instant,
  value,
  region: fc.option(fc.nat(1), { nil: undefined }),
})
type Write = typeof write extends fc.Arbitrary<infer T> ? T : never
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('write' as const),
      writes: fc.array(write, { minLength: 1, maxLength: 60 }),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ kind: 'roll' as const }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('delete' as const),
      device: fc.nat(3),
      from: instant,
      width: fc.integer({ min: 1, max: day }),
    }),
  },
)
const question = fc.record({
  from: instant,
  width: fc.oneof(fc.integer({ min: 1, max: 5 * 3_600_000 }), fc.integer({ min: 1, max: 12 * day })),
  metric: fc.nat(1),
  aggregation: fc.constantFrom(
    'avg' as const,
    'min' as const,
    'max' as const,
    'sum' as const,
    'count' as const,
    'first' as const,
    'last' as const,
    'delta' as const,
    'rate' as const,
  ),
  interval: fc.constantFrom(undefined, '7m', '5m', '30m', '1h', '3h', '1d', '1w', '1mo'),
  tz: fc.constantFrom(...zones),
  byDevice: fc.boolean(),
  region: fc.option(fc.constantFrom(...regions), { nil: undefined }),
})

test('whatever was written, rewritten, deleted and rolled up, the planner answers as a naive pass over all points', async (t) => {
  const { room, ctx } = await openTelemetryRoom(t)
  let run = 0
  const scenario = fc.asyncProperty(
    fc.array(step, { minLength: 1, maxLength: 8 }),
    fc.array(question, { minLength: 2, maxLength: 4 }),
    async (steps, questions) => {
      // Every run has devices and metrics of its own, so that all can share one store.
      const prefix = `r${run++}`
      const points = new Map<string, NaivePoint>()
      for (const each of steps) {
        if (each.kind === 'roll') await room.rollAll().then(room.warmAll)
        else if (each.kind === 'delete') await remove(each, prefix, points)
        else await writeAll(each.writes, prefix, points)
        // The same questions after every step: what is remembered of the last answer must not outlive a change.
        for (const { from, width, metric, ...rest } of questions) {
          const query: NaiveQuery = { ...rest, start: from, end: from + width, metric: `${prefix}_m${metric}` }
          compare(query, await ask(query), naiveQuery([...points.values()], query))
        }
      }
    },
  )

  const writeAll = async (writes: Write[], prefix: string, points: Map<string, NaivePoint>) => {
    const frames = writes.map(({ device, metric, ms, value, region }) => {
      const tags: Record<string, string> = region === undefined ? {} : { region: regions[region]! }
      const point = { device: `${prefix}-d${device}`, metric: `${prefix}_m${metric}`, ms, value, tags }
      points.set(`${point.device} ${point.metric} ${ms}`, point)
      return { device_id: point.device, timestamp: ms, metrics: { [point.metric]: value }, tags }
    })
    await room.sendBatch(ctx, { frames })
  }
  const remove = async (
    { device, from, width }: { device: number; from: number; width: number },
    prefix: string,
    points: Map<string, NaivePoint>,
  ) => {
    const id = `${prefix}-d${device}`
    await room.handlers['telemetry.data.delete'](ctx, { device_id: id, start_time: from, end_time: from + width })
    for (const [key, point] of points)
      if (point.device === id && point.ms >= from && point.ms < from + width) points.delete(key)
  }
  const ask = async (query: NaiveQuery) => {
    const { start, end, metric, aggregation, interval, tz, byDevice, region } = query
    const answer = await answerOf({
      start_time: start,
      end_time: end,
      metrics: metric,
      aggregation,
      tz,
      ...(interval && { interval }),
      ...(byDevice && { group_by: 'device_id' }),
      ...(region && { tags: `region:${region}` }),
    })
    const rows = answer.data.filter((row) => row[metric] !== null)
    return new Map(rows.map((row) => [`${labelOf(row.timestamp, query)}|${row.device_id ?? ''}`, row[metric]]))
  }
  const answerOf = async (input: Input<'telemetry.query'>) => {
    try {
      return await room.handlers['telemetry.query'](ctx, input)
    } catch (refused) {
      // The metric has only ever been text, and text has no average: nothing to compare.
      if (refused instanceof Failure && refused.details.field === 'aggregation') return { data: [] }
      throw refused
    }
  }
  await fc.assert(scenario, { numRuns: 20 })
})

function compare(
  query: NaiveQuery,
  answer: ReadonlyMap<string, unknown>,
  expected: ReadonlyMap<string, unknown>,
): void {
  deepEqual([...answer.keys()].sort(), [...expected.keys()].sort(), JSON.stringify(query))
  for (const [key, value] of expected) {
    ok(same(answer.get(key), value), `${key}: ${answer.get(key)} is not ${value}: ${JSON.stringify(query)}`)
  }
}

/** A calendar label must be the first instant of its day: the moment before it has another date. */
function labelOf(timestamp: string, query: NaiveQuery): string {
  if (query.interval === undefined) return 'all'
  const ms = Date.parse(timestamp)
  if (/[mh]$/.test(query.interval)) return new Date(ms).toISOString()
  const [label, before] = [bucketOf(ms, query), bucketOf(ms - 1, query)]
  ok(label !== before, `${timestamp} is not the first instant of a bucket in ${query.tz}`)
  return label
}

function same(a: unknown, b: unknown): boolean {
  if (typeof a === 'number' && typeof b === 'number') return Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(b))
  return a === b
}
