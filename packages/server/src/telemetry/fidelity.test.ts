import { deepEqual, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { telemetryLimits } from '@nexus/contract'
import fc from 'fast-check'
import { openTelemetryRoom } from '../testing/telemetry-room.ts'

const start = Date.UTC(2025, 10, 3)

// -0 is sent as 0, for JSON.stringify writes it so; whole numbers beyond 2^53 are refused.
const number = fc.oneof(
  fc
    .double({ noNaN: true, noDefaultInfinity: true })
    .map((n) => (Number.isInteger(n) ? Math.trunc(n % 2 ** 53) + 0 : n)),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.constantFrom(
    0.1 + 0.2,
    Number.MIN_VALUE,
    2.2250738585072014e-308,
    1 / 3,
    4.35,
    123456789.12345679,
    1.7e-7,
    0.5e-300,
  ),
)
const text = fc
  .oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: 'grapheme' }),
    fc.constantFrom('', '\0', '\u2028', '\\N', '\n\n', '"'),
  )
  .map((each) => each.toWellFormed())
const nested = fc.jsonValue({ maxDepth: 4, stringUnit: 'grapheme' }).filter(holdsOnlyReadings)
const reading = fc.oneof(
  number,
  fc.boolean(),
  text,
  fc.array(nested, { maxLength: 4 }),
  fc.dictionary(text, nested, { maxKeys: 4, noNullPrototype: true }),
)

function holdsOnlyReadings(value: unknown): boolean {
  if (typeof value === 'number') return !Number.isInteger(value) || Number.isSafeInteger(value)
  if (typeof value === 'string') return value.isWellFormed()
  if (typeof value !== 'object' || value === null) return true
  return Object.entries(value).every(([key, inner]) => key.isWellFormed() && holdsOnlyReadings(inner))
}

test('every reading comes back as it was sent, to the last bit of a number and the last character of a text', async (t) => {
  const { room, ctx } = await openTelemetryRoom(t)
  let run = 0
  const property = fc.asyncProperty(fc.array(reading, { minLength: 1, maxLength: 100 }), async (readings) => {
    const device_id = `d${run++}`
    const frames = readings.map((value, i) => ({ device_id, timestamp: start + i, metrics: { v: value } }))
    const sent = JSON.parse(JSON.stringify(frames)) as typeof frames
    const { rejected, results } = await room.sendBatch(ctx, { frames: sent })
    ok(rejected === 0, JSON.stringify(results.find((result) => 'error' in result)))
    const range = { device_id, metrics: 'v', start_time: start, end_time: start + readings.length }
    const { data } = await room.handlers['telemetry.query'](ctx, { ...range, limit: telemetryLimits.rawRowsMax })
    deepEqual(
      data.map(({ v }) => v),
      sent.map(({ metrics }) => metrics.v),
    )
  })
  await fc.assert(property, { numRuns: 40 })
})

test('the tags and metadata of a device come back as they were sent', async (t) => {
  const { room, ctx } = await openTelemetryRoom(t)
  const labels = fc.dictionary(fc.stringMatching(/^[A-Za-z_][\w.\-/]{0,20}$/), text, {
    maxKeys: 5,
    noNullPrototype: true,
  })
  let run = 0
  const property = fc.asyncProperty(labels, labels, async (tags, metadata) => {
    if (Object.hasOwn(tags, '__proto__') || Object.hasOwn(metadata, '__proto__')) return
    const device_id = `d${run++}`
    await room.send(ctx, { device_id, timestamp: start, metrics: { m: 1 }, tags, metadata }, 'durable')
    const { devices } = await room.handlers['telemetry.latest'](ctx, { device_id })
    deepEqual([devices[0]?.tags, devices[0]?.metadata], [tags, metadata])
    for (const [key, value] of Object.entries(tags)) {
      const filter = `${key}:${value.replaceAll(/[\\,|*]/g, '\\$&')}`
      if (value === '') continue
      const query = {
        device_id,
        tags: filter,
        metrics: 'm',
        aggregation: 'count' as const,
        start_time: start,
        end_time: start + 1,
      }
      const { data } = await room.handlers['telemetry.query'](ctx, query)
      deepEqual(
        data.map(({ m }) => m),
        [1],
        filter,
      )
    }
  })
  await fc.assert(property, { numRuns: 60 })
})
