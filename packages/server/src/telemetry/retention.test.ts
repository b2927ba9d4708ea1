import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Retention } from '@nexus/contract'
import type { Ctx } from '../core/context.ts'
import { startTestNexus, testFolder } from '../testing/nexus.ts'
import { openTelemetryRoom } from '../testing/telemetry-room.ts'
import type { Telemetry } from './index.ts'

const hour = 3_600_000
const day = 24 * hour

async function putPolicies({ handlers }: Telemetry, ctx: Ctx, policies: Retention['policies']): Promise<void> {
  const put = handlers['telemetry.retention.put']
  await put.run({ ...ctx, tx: undefined as never }, { policies }, await put.prepare(ctx, { policies }))
}

test('what is past its retention goes from points, roll-ups, catalogue and latest values; the rest stays', async (t) => {
  const { room, ctx, clock } = await openTelemetryRoom(t)
  const frame = (days: number) => ({
    device_id: 'd',
    timestamp: clock.at - days * day,
    metrics: { 'cpu.short': days, long: days },
  })
  await room.sendBatch(ctx, { frames: [frame(1), frame(5), frame(40)] })
  await room.send(ctx, { device_id: 'old', timestamp: clock.at - 40 * day, metrics: { 'cpu.old': 1 } }, 'durable')
  await room.rollAll()
  await putPolicies(room, ctx, [{ metrics: 'cpu.*', keep: '3d' }])
  await room.expireAll()
  const sums = async (metrics: string) => {
    const range = { start_time: clock.at - 50 * day, end_time: clock.at, metrics, aggregation: 'sum' as const }
    const raw = await room.handlers['telemetry.query'](ctx, { ...range, resolution: 'raw' })
    const rolled = await room.handlers['telemetry.query'](ctx, range)
    deepEqual(raw.data, rolled.data)
    return raw.data[0]?.[metrics] ?? null
  }
  deepEqual([await sums('cpu.short'), await sums('long'), await sums('cpu.old')], [1, 46, null])
  const { metrics } = await room.handlers['telemetry.metrics'](ctx, {})
  deepEqual(
    metrics.map(({ name }) => name),
    ['cpu.short', 'long'],
  )
  const { devices } = await room.handlers['telemetry.latest'](ctx, {})
  deepEqual(
    devices.map(({ device_id, metrics }) => [device_id, Object.keys(metrics).sort()]),
    [['d', ['cpu.short', 'long']]],
  )
})

/** Two metrics, hour by hour over four days up to now, rolled up and in memory; `keep` replaces the policies. */
async function roomWithDays(t: TestContext, folder?: string) {
  const opened = await openTelemetryRoom(t, folder === undefined ? {} : { folder })
  const { room, ctx, clock } = opened
  const frames = Array.from({ length: 96 }, (_, hours) => ({
    device_id: 'd',
    timestamp: clock.at - hours * hour - 1,
    metrics: { short: hours + 1, long: 1 },
  }))
  await room.sendBatch(ctx, { frames })
  await room.send(ctx, { device_id: 'gone', timestamp: clock.at - 90 * hour, metrics: { short: 1 } }, 'durable')
  await room.rollAll()
  await room.warmAll()
  const keep = (policies: Retention['policies']) => putPolicies(room, ctx, policies)
  return { ...opened, keep }
}

test('queries show nothing that is past, deleted or not: raw, of roll-ups and of memory, each metric for itself', async (t) => {
  const { room, ctx, clock, keep, store } = await roomWithDays(t)
  await keep([{ metrics: 'short', keep: '30h' }])
  deepEqual(await store.pastParts([{ metrics: ['short'], before: (clock.at - 300 * hour) * 1000 }]), [])
  const range = { start_time: clock.at - 100 * hour, end_time: clock.at }
  const query = (input: object) => room.handlers['telemetry.query'](ctx, { ...range, ...input })
  const last = (count: number) => Array.from({ length: count }, (_, i) => count - i)

  const { data } = await query({ metrics: 'short,long' })
  deepEqual(
    data.map((row) => row.short).filter((value) => value !== null),
    last(30),
  )
  equal(data.filter((row) => row.long === 1).length, 96)
  const paged = await query({ metrics: 'short', limit: 20 })
  const rest = await query({ metrics: 'short', limit: 20, cursor: paged.next_cursor })
  deepEqual(
    [...paged.data, ...rest.data].map((row) => row.short),
    last(30),
  )
  for (const resolution of ['raw', 'auto']) {
    const sums = await query({ metrics: 'short,long', aggregation: 'sum', resolution })
    deepEqual(
      sums.data.map(({ timestamp, short, long }) => [timestamp, short, long]),
      [[new Date(range.start_time).toISOString().replace('.000', ''), 465, 96]],
    )
    const hours = await query({ metrics: 'short', aggregation: 'max', interval: '1h', resolution })
    deepEqual(
      hours.data.map((row) => row.short),
      last(30),
    )
    equal(
      (await query({ metrics: 'short', aggregation: 'count', end_time: clock.at - 31 * hour, resolution }))
        .total_points,
      0,
    )
    equal((await query({ metrics: 'short', aggregation: 'count', device_id: 'gone', resolution })).total_points, 0)
  }
  // By the seconds of the range, as ever.
  equal((await query({ metrics: 'long', aggregation: 'rate' })).data[0]?.long, 0)
})

test('what is past and not deleted yet is there again once a policy lets it, the same from memory as from the store', async (t) => {
  const { room, ctx, clock, keep } = await roomWithDays(t)
  await keep([{ metrics: '*', keep: '80h' }])
  await room.expireAll()
  const range = {
    start_time: clock.at - 100 * hour,
    end_time: clock.at,
    metrics: 'short',
    aggregation: 'count' as const,
  }
  const ask = async () => {
    const counts = ['raw', 'auto'].map(async (resolution) => {
      const { data } = await room.handlers['telemetry.query'](ctx, { ...range, resolution: resolution as 'raw' })
      return data[0]?.short
    })
    const { devices } = await room.handlers['telemetry.latest'](ctx, {})
    return [...(await Promise.all(counts)), devices.map(({ device_id }) => device_id).join()]
  }
  deepEqual(await ask(), [80, 80, 'd'])
  await keep([{ metrics: '*', keep: '99h' }])
  await room.warmAll()
  deepEqual(await ask(), [97, 97, 'd,gone'])
})

test('expiry that finds nothing to delete leaves memory as it is, and forgets latest values all the same', async (t) => {
  const { room, ctx, keep } = await roomWithDays(t)
  await keep([{ metrics: '*', keep: '99h' }])
  const before = room.rollUpsInMemory()
  ok(before.bytes > 0)
  await room.expireAll()
  deepEqual(room.rollUpsInMemory(), before)
  await keep([{ metrics: '*', keep: '39h' }])
  await room.expireAll()
  const { devices } = await room.handlers['telemetry.latest'](ctx, {})
  deepEqual(
    devices.map(({ device_id }) => device_id),
    ['d'],
  )
  deepEqual(room.rollUpsInMemory(), { bytes: 0, complete: false })
})

test('latest values that are past do not come back with a restart', async (t) => {
  const folder = testFolder(t)
  const first = await roomWithDays(t, folder)
  await first.close()
  const retention = {
    get: async () => ({ policies: [{ metrics: '*', keep: '39h' }] }),
    put: async () => {},
    afterCommit: () => {},
  }
  const { room, ctx } = await openTelemetryRoom(t, { folder, retention })
  const { devices } = await room.handlers['telemetry.latest'](ctx, {})
  deepEqual(
    devices.map(({ device_id }) => device_id),
    ['d'],
  )
})

test('a frame that is older than the retention of one of its metrics is refused, and the metric is named', async (t) => {
  const nexus = await startTestNexus(t)
  const policies = [
    { metrics: 'keep.*', keep: '99999y' },
    { metrics: '*', keep: '24h' },
  ]
  deepEqual(await nexus.client.telemetry.retention.put({ policies }), { policies })
  deepEqual(await nexus.client.telemetry.retention.get(), { policies })
  const send = (metrics: Record<string, number>, hours: number) =>
    nexus.client.telemetry.frames.send({ device_id: 'd', timestamp: Date.now() - hours * 3_600_000, metrics })
  await send({ m: 1 }, 23)
  await send({ 'keep.m': 1 }, 10_000)
  await rejects(send({ 'keep.m': 1, m: 1 }, 26), {
    code: 'INVALID_REQUEST',
    details: {
      field: 'timestamp',
      issue: 'is older than the retention of m',
      errors: [{ field: 'timestamp', issue: 'is older than the retention of m' }],
    },
  })
  await nexus.client.telemetry.retention.put({ policies: [] })
  await send({ m: 1 }, 26)
})

test('retention policies hold after a restart', async (t) => {
  const nexus = await startTestNexus(t)
  const policies = [{ metrics: 'm', keep: '1d' }]
  await nexus.client.telemetry.retention.put({ policies })
  await nexus.stop()
  const again = await startTestNexus(t, { dataDir: nexus.folder })
  const old = JSON.stringify({ device_id: 'd', timestamp: '2025-11-03T00:00:00Z', metrics: { m: 1 } })
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${nexus.key}` }
  equal((await fetch(`${again.url}/v1/telemetry/frames`, { method: 'POST', body: old, headers })).status, 400)
})

test('retention that could not be kept is not followed', async (t) => {
  const policies = [{ metrics: '*', keep: '1h' }]
  const { room, ctx, clock } = await openTelemetryRoom(t, {
    retention: { get: async () => ({ policies: [] }), put: async () => {}, afterCommit: () => {} },
  })
  await putPolicies(room, ctx, policies)
  const old = { device_id: 'd', timestamp: clock.at - 24 * 3_600_000, metrics: { m: 1 } }
  equal((await room.send(ctx, old, 'durable')).success, true)
})
