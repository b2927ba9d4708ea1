import { deepEqual, equal, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import type { WriteCtx } from '../core/context.ts'
import { startTestNexus } from '../testing/nexus.ts'
import { openTelemetryRoom } from '../testing/telemetry-room.ts'

const day = 86_400_000

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
  const tx = undefined as never
  await room.handlers['telemetry.retention.put']({ ...ctx, tx }, { policies: [{ metrics: 'cpu.*', keep: '3d' }] })
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
  const policies = { policies: [{ metrics: '*', keep: '1h' }] }
  const { room, ctx, clock } = await openTelemetryRoom(t, {
    retention: { get: async () => ({ policies: [] }), put: async () => {}, afterCommit: () => {} },
  })
  await room.handlers['telemetry.retention.put']({ ...ctx, tx: {} } as WriteCtx, policies)
  const old = { device_id: 'd', timestamp: clock.at - 24 * 3_600_000, metrics: { m: 1 } }
  equal((await room.send(ctx, old, 'durable')).success, true)
})
