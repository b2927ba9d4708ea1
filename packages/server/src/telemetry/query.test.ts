import { deepEqual, equal, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import { openTelemetryRoom } from '../testing/telemetry-room.ts'

const at = (minute: number, second = 0) => new Date(Date.UTC(2025, 10, 3, 0, minute, second)).toISOString()
const range = { start_time: at(0), end_time: at(120) }

test('a frame that was acknowledged is in the answer of the next query, by raw point and by bucket', async (t) => {
  const { room, ctx } = await openTelemetryRoom(t)
  await room.send(
    ctx,
    { device_id: 'd1', timestamp: at(1), metrics: { cpu_usage: 40, up: true, version: '1.2' } },
    'durable',
  )
  await room.send(ctx, { device_id: 'd1', timestamp: at(2), metrics: { cpu_usage: 50 } }, 'durable')
  const raw = await room.handlers['telemetry.query'](ctx, range)
  deepEqual(raw.data, [
    { timestamp: '2025-11-03T00:01:00Z', device_id: 'd1', cpu_usage: 40, up: true, version: '1.2' },
    { timestamp: '2025-11-03T00:02:00Z', device_id: 'd1', cpu_usage: 50 },
  ])
  const avg = await room.handlers['telemetry.query'](ctx, {
    ...range,
    metrics: 'cpu_usage',
    aggregation: 'avg',
    interval: '5m',
  })
  deepEqual(avg.data, [{ timestamp: '2025-11-03T00:00:00Z', cpu_usage: 45 }])
})

test('two hours by five minutes are 24 rows, as in the specification, labelled with the start of each bucket', async (t) => {
  const { room, ctx } = await openTelemetryRoom(t)
  const frames = Array.from({ length: 120 }, (_, minute) => ({
    device_id: 'device-12345',
    timestamp: at(minute),
    metrics: { cpu_usage: minute },
  }))
  await room.sendBatch(ctx, { frames })
  const answer = await room.handlers['telemetry.query'](ctx, {
    ...range,
    device_id: 'device-12345',
    metrics: 'cpu_usage,memory_usage',
    aggregation: 'avg',
    interval: '5m',
  })
  equal(answer.total_points, 24)
  deepEqual(answer.data[1], { timestamp: '2025-11-03T00:05:00Z', cpu_usage: 7, memory_usage: null })
  await room.rollAll()
  const rolled = await room.handlers['telemetry.query'](ctx, {
    ...range,
    device_id: 'device-12345',
    metrics: 'cpu_usage,memory_usage',
    aggregation: 'avg',
    interval: '5m',
  })
  deepEqual(rolled.data, answer.data)
})

test('the last write of a point wins, late points and deletions reach roll-ups that were already made', async (t) => {
  const { room, ctx } = await openTelemetryRoom(t)
  const sum = async () =>
    (
      await room.handlers['telemetry.query'](ctx, { ...range, metrics: 'm', aggregation: 'sum', interval: '1h' })
    ).data.map((row) => row.m)
  await room.send(ctx, { device_id: 'd', timestamp: at(1), metrics: { m: 1 } }, 'durable')
  await room.send(ctx, { device_id: 'd', timestamp: at(70), metrics: { m: 10 } }, 'durable')
  await room.rollAll()
  deepEqual(await sum(), [1, 10])
  await room.send(ctx, { device_id: 'd', timestamp: at(1), metrics: { m: 2 } }, 'durable')
  await room.send(ctx, { device_id: 'd', timestamp: at(3), metrics: { m: 5 }, tags: { a: 'b' } }, 'durable')
  deepEqual(await sum(), [7, 10])
  await room.rollAll()
  deepEqual(await sum(), [7, 10])
  const { deleted_points } = await room.handlers['telemetry.data.delete'](ctx, {
    device_id: 'd',
    start_time: at(1),
    end_time: at(2),
  })
  equal(deleted_points, 1)
  deepEqual(await sum(), [5, 10])
  await room.rollAll()
  deepEqual(await sum(), [5, 10])
  equal(room.dirtyHours(), 0)
})

test('an aggregation that applies to nothing asked for is refused, one that applies to some warns', async (t) => {
  const { room, ctx } = await openTelemetryRoom(t)
  await room.send(
    ctx,
    { device_id: 'd', timestamp: at(1), metrics: { n: 1, s: 'x', list: [1, 2], o: { a: { b: 3 } } } },
    'durable',
  )
  await rejects(room.handlers['telemetry.query'](ctx, { ...range, metrics: 's', aggregation: 'avg' }), {
    code: 'INVALID_REQUEST',
  })
  const { data, warnings } = await room.handlers['telemetry.query'](ctx, {
    ...range,
    metrics: 'n,s',
    aggregation: 'avg',
  })
  deepEqual(data, [{ timestamp: at(0).replace('.000', ''), n: 1, s: null }])
  deepEqual(
    warnings?.map(({ field, reason }) => [field, reason]),
    [['metrics.s', 'type_not_applicable']],
  )
  const last = await room.handlers['telemetry.query'](ctx, { ...range, aggregation: 'last' })
  deepEqual(last.data[0], {
    timestamp: '2025-11-03T00:00:00Z',
    list: [1, 2],
    'list.length': 2,
    n: 1,
    o: { a: { b: 3 } },
    'o.a': { b: 3 },
    'o.a.b': 3,
    s: 'x',
  })
})

test('groups, tag filters and fill', async (t) => {
  const { room, ctx } = await openTelemetryRoom(t)
  const frames = ['eu', 'eu', 'us'].map((region, i) => ({
    device_id: `d${i}`,
    timestamp: at(i * 10),
    metrics: { m: i },
    tags: { region, odd: "it's \\ ok" },
  }))
  await room.sendBatch(ctx, { frames: [...frames, { device_id: 'd9', timestamp: at(5), metrics: { m: 9 } }] })
  const query = (input: object) =>
    room.handlers['telemetry.query'](ctx, { ...range, metrics: 'm', aggregation: 'sum', ...input })
  deepEqual(
    (await query({ group_by: 'tag.region' })).data.map((row) => [row['tag.region'], row.m]),
    [
      ['eu', 1],
      ['us', 2],
      [null, 9],
    ],
  )
  deepEqual(
    (await query({ tags: 'region:eu' })).data.map((row) => row.m),
    [1],
  )
  deepEqual(
    (await query({ tags: '!region:eu' })).data.map((row) => row.m),
    [11],
  )
  deepEqual(
    (await query({ tags: 'region:e*|us' })).data.map((row) => row.m),
    [3],
  )
  deepEqual(
    (await query({ tags: "odd:it's \\\\ ok" })).data.map((row) => row.m),
    [3],
  )
  deepEqual(
    (await query({ interval: '1h', fill: '0', device_id: 'd0' })).data.map((row) => row.m),
    [0, 0],
  )
  deepEqual((await query({ aggregation: 'rate', interval: '30m', device_id: 'd0,d1' })).data.length, 1)
})

test('a rate is the increase by the seconds of the bucket that lie in the range, at both edges, fixed or of the calendar', async (t) => {
  const { room, ctx } = await openTelemetryRoom(t)
  // One up in each minute.
  const frames = Array.from({ length: 3 * 24 * 60 }, (_, m) => ({ device_id: 'd', timestamp: at(m), metrics: { m } }))
  await room.sendBatch(ctx, { frames })
  const perMinute = async (from: number, to: number, buckets: object) => {
    const query = { start_time: at(from, 30), end_time: at(to, 30), metrics: 'm', aggregation: 'rate' as const }
    const { data } = await room.handlers['telemetry.query'](ctx, { ...query, ...buckets })
    return data.map((row) => Math.round(Number(row.m) * 60 * 1e9) / 1e9)
  }
  const days = { interval: '1d', tz: 'Asia/Kolkata' }
  const midnight = 24 * 60 - 330
  // Steps by minutes; the first of ten points has none before it.
  const expected = [9 / 10.5, 60 / 60, 30 / 29.5].map((rate) => Math.round(rate * 1e9) / 1e9)
  deepEqual(await perMinute(49, 149, { interval: '1h' }), expected)
  deepEqual(await perMinute(midnight - 11, midnight + 1469, days), expected)
  deepEqual(await perMinute(70, 80, { interval: '1h' }), [0.9])
  deepEqual(await perMinute(70, 80, days), [0.9])
  deepEqual(await perMinute(70, 80, {}), [0.9])
})

test('a query that nobody waits for any more ends with the reason why, whatever it asks for', async (t) => {
  const { room, ctx } = await openTelemetryRoom(t)
  await room.send(ctx, { device_id: 'd', timestamp: at(1), metrics: { m: 1 } }, 'durable')
  await room.rollAll()
  await room.warmAll()
  const gone = new Error('gone')
  const left = { ...ctx, signal: AbortSignal.abort(gone) }
  const inputs = [
    {},
    { aggregation: 'p99' as const },
    // From memory but for its edges.
    { aggregation: 'sum' as const, start_time: at(0, 30), interval: '1m' },
  ]
  for (const input of inputs)
    await rejects(room.handlers['telemetry.query'](left, { ...range, ...input }), gone, JSON.stringify(input))
})
