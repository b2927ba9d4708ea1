import { deepEqual, equal } from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { SeenFrame } from '../devices/index.ts'
import { openDevicesRoom } from '../testing/devices-room.ts'
import { openTelemetryRoom } from '../testing/telemetry-room.ts'

const frame = (device_id: string, more: object = {}) => ({ device_id, metrics: { m: 1 }, ...more })

/** Takes down what it is told. */
function listener() {
  const seen: SeenFrame[] = []
  const remembered: SeenFrame[] = []
  const devices = {
    seen: (frames: readonly SeenFrame[]) => void seen.push(...frames),
    reconcile: async (frames: readonly SeenFrame[]) => void remembered.push(...frames),
  }
  return { devices, seen, remembered }
}

const ids = (frames: readonly SeenFrame[]) => frames.map(({ deviceId }) => deviceId)

test('the registry is told of each frame that is kept, before its sender is answered, and of no other', async (t) => {
  const { devices, seen } = listener()
  const { room, ctx } = await openTelemetryRoom(t, { devices })
  const traced = { ...ctx, givenTraceId: '0af7651916cd43dd8448eb211c80319c' }
  const timestamp = 1762134000
  await room.send(traced, frame('a', { timestamp, tags: { site: 'north' }, frame_id: 'one' }), 'durable')
  deepEqual(
    seen.map(({ deviceId, at, tags, traceId }) => ({ deviceId, at, tags, traceId })),
    [{ deviceId: 'a', at: timestamp * 1e6, tags: { site: 'north' }, traceId: traced.givenTraceId }],
  )
  await room.send(ctx, frame('a', { timestamp, frame_id: 'one' }), 'durable')
  await room.sendBatch(ctx, { frames: [frame('b'), frame('c', { metrics: {} }), frame('b'), frame('d')] })
  deepEqual(ids(seen), ['a', 'b', 'b', 'd'])
})

test('frames that were acknowledged, and whose devices were not written down before a kill, are registered at the next start', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'nexus-telemetry-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const before = await openTelemetryRoom(t, { folder })
  const sent = ['a', 'b', 'c'].map((id, i) => frame(id, { tags: { n: `${i}` } }))
  await before.room.sendBatch(before.ctx, { frames: sent })
  await before.room.send(
    before.ctx,
    frame('a', { timestamp: before.clock.now() - 1000, tags: { n: 'late' } }),
    'durable',
  )
  await before.close()

  const registry = await openDevicesRoom(t)
  await registry.call('devices.put', { device_id: 'c' })
  await registry.call('devices.delete', { device_id: 'c' })
  const { close } = await openTelemetryRoom(t, { folder, devices: registry.devices })
  const { devices } = await registry.call('devices.list', {})
  deepEqual(
    devices.map(({ device_id, tags, status }) => [device_id, tags, status]),
    [
      ['a', { n: '0' }, 'offline'],
      ['b', { n: '1' }, 'offline'],
    ],
  )
  await close()
  const told = await registry.told()
  await openTelemetryRoom(t, { folder, devices: registry.devices })
  equal((await registry.told()).length, told.length)
})

test('the registry is told of all devices at a start, also of those that memory has no room for', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'nexus-telemetry-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const before = await openTelemetryRoom(t, { folder })
  await before.room.sendBatch(before.ctx, { frames: ['a', 'b', 'c'].map((id) => frame(id)) })
  await before.close()
  const { devices, remembered } = listener()
  await openTelemetryRoom(t, { folder, devices, latestSeriesMax: 1 })
  deepEqual(ids(remembered), ['a', 'b', 'c'])
})
