import { deepEqual, equal, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import { createBlockWriter } from '../storage/telemetry/frame-writer.ts'
import { openTelemetryRoom } from '../testing/telemetry-room.ts'
import { packFrames, writtenPack } from './frame-pack.ts'

const minute = 60_000

test('a frame may be ten minutes ahead of the clock and no more', async (t) => {
  const { room, ctx, clock } = await openTelemetryRoom(t)
  const send = (ms: number) => room.send(ctx, { device_id: 'd', timestamp: ms, metrics: { m: 1 } }, 'durable')
  await send(clock.at + 10 * minute)
  await rejects(send(clock.at + 10 * minute + 1), {
    code: 'INVALID_REQUEST',
    details: {
      field: 'timestamp',
      issue: 'is more than 600 s in the future',
      errors: [{ field: 'timestamp', issue: 'is more than 600 s in the future' }],
    },
  })
})

test('a frame without a timestamp is of the moment of its receipt', async (t) => {
  const { room, ctx, clock } = await openTelemetryRoom(t)
  await room.send(ctx, { device_id: 'd', metrics: { m: 1 } }, 'durable')
  const { devices } = await room.handlers['telemetry.latest'](ctx, {})
  equal(devices[0]?.metrics.m?.timestamp, new Date(clock.at).toISOString().replace('.000', ''))
})

test('frames without a timestamp that come in one millisecond stand beside each other, alone and in batches', async (t) => {
  const { room, ctx, clock } = await openTelemetryRoom(t)
  const frame = (m: number) => ({ device_id: 'd', metrics: { m } })
  for (const m of [1, 2]) await room.send(ctx, frame(m), 'durable', undefined, JSON.stringify(frame(m)))
  await room.sendBatch(ctx, { frames: [frame(3), frame(4)] })
  const packed = packFrames([frame(5), frame(6)], room.momentsFor(2), createBlockWriter())
  await room.sendBatch(ctx, { frames: writtenPack(packed) })
  await room.send(ctx, frame(7), 'durable')
  const range = { start_time: clock.at, end_time: clock.at + 1, metrics: 'm' }
  const { data } = await room.handlers['telemetry.query'](ctx, range)
  deepEqual(
    data.map(({ m }) => m),
    [1, 2, 3, 4, 5, 6, 7],
  )
})

test('a metric that changes its type is kept in both, and the receipt warns, alone and in a batch', async (t) => {
  const { room, ctx, clock } = await openTelemetryRoom(t)
  const frame = (value: unknown, i = 0) => ({ device_id: 'd', timestamp: clock.at + i, metrics: { same: 1, m: value } })
  const warning = { reason: 'type_changed', field: 'metrics.m', issue: 'has another type than before; both are kept' }
  equal((await room.send(ctx, frame(1), 'durable')).warnings, undefined)
  deepEqual((await room.send(ctx, frame('text', 1), 'durable')).warnings, [warning])
  equal((await room.send(ctx, frame('other', 2), 'durable')).warnings, undefined)
  const { results } = await room.sendBatch(ctx, { frames: [frame('more', 3), frame(true, 4), frame({ a: 1 }, 5)] })
  deepEqual(
    results.map((result) => 'warnings' in result && result.warnings),
    [false, [warning], [warning]],
  )
  const range = { start_time: clock.at, end_time: clock.at + 10, metrics: 'm' }
  const { data } = await room.handlers['telemetry.query'](ctx, range)
  deepEqual(
    data.map(({ m }) => m),
    [1, 'text', 'other', 'more', true, { a: 1 }],
  )
  const { metrics } = await room.handlers['telemetry.metrics'](ctx, { prefix: 'm' })
  deepEqual(metrics[0]?.types, ['number', 'boolean', 'string', 'object'])
})

test('the leaves of an object and the length of an array are metrics of their own types', async (t) => {
  const { room, ctx, clock } = await openTelemetryRoom(t)
  const metrics = {
    o: { n: 1, deep: { s: 'x', b: true, nothing: null, 'no name': 5, list: [1, 2, 3] } },
    a: ['x', { y: 1 }],
  }
  await room.send(ctx, { device_id: 'd', timestamp: clock.at, metrics }, 'durable')
  const { devices } = await room.handlers['telemetry.latest'](ctx, {})
  deepEqual(
    Object.fromEntries(Object.entries(devices[0]!.metrics).map(([name, { value, type }]) => [name, [type, value]])),
    {
      o: ['object', metrics.o],
      'o.n': ['number', 1],
      'o.deep': ['object', metrics.o.deep],
      'o.deep.s': ['string', 'x'],
      'o.deep.b': ['boolean', true],
      'o.deep.list': ['array', [1, 2, 3]],
      'o.deep.list.length': ['number', 3],
      a: ['array', metrics.a],
      'a.length': ['number', 2],
    },
  )
})

test('a key that has spent its points of the minute is refused until the next, and what was refused is nowhere', async (t) => {
  const { room, ctx, clock } = await openTelemetryRoom(t, { pointsPerMinute: 5 })
  const frame = (device_id: string, points: number) => ({
    device_id,
    timestamp: clock.at,
    metrics: Object.fromEntries(Array.from({ length: points }, (_, i) => [`m${i}`, i])),
    tags: { of: device_id },
  })
  await room.send(ctx, frame('d1', 4), 'durable')
  const refusal = { code: 'RATE_LIMIT_EXCEEDED', retryAfterSeconds: 60 }
  await rejects(room.send(ctx, frame('d2', 2), 'durable'), refusal)
  await rejects(room.sendBatch(ctx, { frames: [frame('d2', 2), frame('d2', 3)] }), refusal)
  const other = { ...ctx, principal: { ...ctx.principal, keyId: 'another' } }
  await room.send(other, frame('d3', 5), 'durable')
  deepEqual(await devicesOf(), ['d1', 'd3'])
  clock.at += minute
  await room.send(ctx, frame('d2', 5), 'durable')
  deepEqual(await devicesOf(), ['d1', 'd2', 'd3'])

  async function devicesOf() {
    const { devices } = await room.handlers['telemetry.latest'](ctx, {})
    return devices.map(({ device_id }) => device_id)
  }
})

test('a batch larger than what is left of the quota is accepted as far as it goes, and the rest is named', async (t) => {
  const { room, ctx, clock } = await openTelemetryRoom(t, { pointsPerMinute: 3 })
  const frame = (i: number) => ({
    device_id: `d${i}`,
    timestamp: clock.at,
    metrics: { a: 1, b: 2 },
    tags: { n: `${i}` },
  })
  const { accepted, rejected, results } = await room.sendBatch(ctx, { frames: [frame(0), frame(1)] })
  deepEqual([accepted, rejected], [1, 1])
  deepEqual(results[1], {
    index: 1,
    error: { code: 'RATE_LIMIT_EXCEEDED', field: 'metrics', issue: 'takes at most 3 points a minute' },
  })
  clock.at += minute
  await room.send(ctx, frame(1), 'durable')
  const range = { start_time: clock.at - minute, end_time: clock.at + 1, metrics: 'a', aggregation: 'count' as const }
  for (const tags of ['n:0', 'n:1'])
    equal((await room.handlers['telemetry.query'](ctx, { ...range, tags })).data[0]?.a, 1, tags)
})

test('a repeated frame is not acknowledged before the first of its kind is durable', async (t) => {
  const { room, ctx } = await openTelemetryRoom(t)
  const frame = { device_id: 'd', metrics: { m: 1 }, frame_id: 'f' }
  const order: string[] = []
  const sent = async (what: string, answer: Promise<{ duplicate?: true }>) => {
    const { duplicate } = await answer
    order.push(duplicate ? `${what} again` : what)
  }
  const named = { key: 'k', bodyHash: 'h' }
  const other = { device_id: 'e', metrics: { m: 1 } }
  await Promise.all([
    sent('frame', room.send(ctx, { ...frame }, 'durable')),
    sent('keyed', room.send(ctx, { ...other }, 'durable', named)),
    sent('frame', room.send(ctx, { ...frame }, 'durable')),
    sent('keyed', room.send(ctx, { ...other }, 'durable', named)),
    room.sendBatch(ctx, { frames: [{ ...frame }] }).then(() => order.push('batch')),
  ])
  deepEqual(order.slice(0, 2).sort(), ['frame', 'keyed'])
  deepEqual(order.slice(2).sort(), ['batch', 'frame again', 'keyed again'])
})

test('a log that is full says so to those, too, who do not wait for the disk', async (t) => {
  const { room, ctx, log } = await openTelemetryRoom(t)
  t.mock.method(log, 'freeBytes', () => 0)
  await rejects(room.send(ctx, { device_id: 'd', metrics: { m: 1 } }, 'memory'), { code: 'SERVICE_UNAVAILABLE' })
})

test('a metric that is named twice, outright and by its path, is refused by its name', async (t) => {
  const { room, ctx } = await openTelemetryRoom(t)
  const twice: [string, Record<string, unknown>][] = [
    ['metrics.a.b', { a: { b: 1 }, 'a.b': 2 }],
    ['metrics.a.b', { 'a.b': 2, a: { b: 1 } }],
    ['metrics.a.b.c', { a: { b: { c: 1 }, 'b.c': 2 } }],
    ['metrics.a.length', { a: [1], 'a.length': 1 }],
  ]
  for (const [field, metrics] of twice) {
    const refused = room.send(ctx, { device_id: 'd', metrics }, 'durable')
    await rejects(refused, { code: 'INVALID_REQUEST', details: { ...refusal(field), errors: [refusal(field)] } })
  }
  const { devices } = await room.handlers['telemetry.latest'](ctx, {})
  deepEqual(devices, [])
})

function refusal(field: string) {
  return { field, issue: 'is given twice: by its name, and inside of an object or array' }
}

test('an object keeps a key __proto__, and it changes nothing of the answer', async (t) => {
  const { room, ctx } = await openTelemetryRoom(t)
  const metrics = JSON.parse('{"o": {"__proto__": {"polluted": 1}, "n": 2}}')
  await room.send(ctx, { device_id: 'd', metrics }, 'durable')
  const { devices } = await room.handlers['telemetry.latest'](ctx, {})
  const values = Object.entries(devices[0]!.metrics).map(([name, { value }]) => [name, JSON.stringify(value)])
  deepEqual(values.sort(), [
    ['o', '{"__proto__":{"polluted":1},"n":2}'],
    ['o.__proto__', '{"polluted":1}'],
    ['o.__proto__.polluted', '1'],
    ['o.n', '2'],
  ])
})

test('of a pack exactly the frames that are not refused and not repeated are kept, whether that is all of it or some', async (t) => {
  const { room, ctx, clock } = await openTelemetryRoom(t)
  const frame = (m: number, more = {}) => ({
    device_id: 'd',
    timestamp: clock.at + m,
    metrics: { m, s: `text ${m}` },
    ...more,
  })
  const send = (frames: unknown[]) =>
    room.sendBatch(ctx, { frames: writtenPack(packFrames(frames, clock.at * 1000, createBlockWriter())) })
  const whole = await send([frame(1, { frame_id: 'one', tags: { a: 'b' } }), 'no frame', frame(2)])
  deepEqual([whole.accepted, whole.rejected], [2, 1])
  const some = await send([
    frame(1, { frame_id: 'one' }),
    frame(3, { tags: { a: 'b' } }),
    frame(4, { timestamp: clock.at + 11 * minute }),
    frame(5, { frame_id: 'five', metadata: { c: 1 } }),
    frame(6, { frame_id: 'five' }),
  ])
  deepEqual(
    some.results.map((result) => ('error' in result ? result.error.field : (result.duplicate ?? false))),
    [true, false, 'timestamp', false, true],
  )
  const range = { start_time: clock.at, end_time: clock.at + 10, metrics: 'm,s' }
  const { data } = await room.handlers['telemetry.query'](ctx, range)
  deepEqual(
    data.map(({ m, s }) => [m, s]),
    [1, 2, 3, 5].map((m) => [m, `text ${m}`]),
  )
  const tagged = await room.handlers['telemetry.query'](ctx, { ...range, tags: 'a:b' })
  deepEqual(
    tagged.data.map(({ m }) => m),
    [1, 3],
  )
})
