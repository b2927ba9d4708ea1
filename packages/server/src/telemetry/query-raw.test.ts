import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import type { Input, Output } from '@nexus/contract'
import fc from 'fast-check'
import { openTelemetryRoom } from '../testing/telemetry-room.ts'

const start = Date.UTC(2025, 10, 3)
const range = { start_time: start, end_time: start + 1000 }

test('pages of any size, in both orders, hold every row once and in order', async (t) => {
  const { room, ctx } = await openTelemetryRoom(t)
  // Five devices share instants; some rows have one metric and some two.
  const rows = Array.from({ length: 120 }, (_, i) => ({ at: Math.floor(i / 5), device: `d${i % 5}` }))
  const frames = rows.map(({ at, device }, i) => ({
    device_id: device,
    timestamp: start + at,
    metrics: i % 3 === 0 ? { a: i } : { a: i, b: i },
  }))
  await room.sendBatch(ctx, { frames })
  const query = fc.record({
    limit: fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 10, max: 130 })),
    order: fc.constantFrom('asc' as const, 'desc' as const),
    metrics: fc.constantFrom(undefined, 'a', 'b'),
    device_id: fc.constantFrom(undefined, 'd1', 'd0,d4'),
  })
  const property = fc.asyncProperty(query, async ({ limit, order, metrics, device_id }) => {
    const expected = frames
      .filter((frame) => (metrics === 'b' ? 'b' in frame.metrics : true))
      .filter((frame) => device_id?.split(',').includes(frame.device_id) ?? true)
      .map((frame) => `${String(frame.timestamp - start).padStart(4, '0')} ${frame.device_id}`)
      .sort()
    if (order === 'desc') expected.reverse()
    const found: string[] = []
    let cursor: string | null | undefined
    do {
      const input: Input<'telemetry.query'> = { ...range, limit, order, ...(cursor && { cursor }) }
      if (metrics) input.metrics = metrics
      if (device_id) input.device_id = device_id
      const page: Output<'telemetry.query'> = await room.handlers['telemetry.query'](ctx, input)
      ok(page.data.length <= limit && page.total_points === page.data.length)
      ok(page.next_cursor === null || page.data.length === limit)
      found.push(
        ...page.data.map((row) => `${String(Date.parse(row.timestamp) - start).padStart(4, '0')} ${row.device_id}`),
      )
      cursor = page.next_cursor
    } while (cursor)
    deepEqual(found, expected)
  })
  await fc.assert(property, { numRuns: 40 })
})

test('metrics that are asked for are always columns, null where an instant has no reading; else only those that are there', async (t) => {
  const { room, ctx } = await openTelemetryRoom(t)
  const frames = [{ a: 1 }, { b: 2 }].map((metrics, i) => ({ device_id: 'd', timestamp: start + i, metrics }))
  await room.sendBatch(ctx, { frames })
  const columns = async (input: object) =>
    (await room.handlers['telemetry.query'](ctx, { ...range, ...input })).data.map(({ timestamp: _, ...row }) => row)
  deepEqual(await columns({ metrics: 'a,b,c' }), [
    { device_id: 'd', a: 1, b: null, c: null },
    { device_id: 'd', a: null, b: 2, c: null },
  ])
  deepEqual(await columns({}), [
    { device_id: 'd', a: 1 },
    { device_id: 'd', b: 2 },
  ])
})

test('a range holds its start and not its end, to the microsecond', async (t) => {
  const { room, ctx } = await openTelemetryRoom(t)
  const instants = ['00.000000', '00.000001', '00.999999', '01.000000'].map((second) => `2025-11-03T00:00:${second}Z`)
  const frames = instants.map((timestamp) => ({ device_id: 'd', timestamp, metrics: { m: 1 } }))
  await room.sendBatch(ctx, { frames })
  const between = async (from: number, to: number) => {
    const input = { start_time: instants[from]!, end_time: instants[to]! }
    return (await room.handlers['telemetry.query'](ctx, input)).data.map(({ timestamp }) => timestamp)
  }
  deepEqual(await between(0, 3), ['2025-11-03T00:00:00Z', instants[1], instants[2]])
  deepEqual(await between(1, 2), [instants[1]])
})

test('without a point in the range there are no rows and no next page; an end that is not after the start is refused', async (t) => {
  const { room, ctx } = await openTelemetryRoom(t)
  const { data, next_cursor, total_points } = await room.handlers['telemetry.query'](ctx, range)
  deepEqual([data, next_cursor, total_points], [[], null, 0])
  const backwards = room.handlers['telemetry.query'](ctx, { start_time: start, end_time: start })
  await rejects(backwards, { code: 'VALIDATION_ERROR' })
  equal((await room.handlers['telemetry.query'](ctx, { ...range, aggregation: 'avg' })).total_points, 0)
})
