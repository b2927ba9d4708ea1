import { deepEqual, equal, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import { openTelemetryRoom } from '../testing/telemetry-room.ts'

const frame = (m: number, more = {}) => ({ device_id: 'd', metrics: { m }, ...more })
const failing = { code: 'SERVICE_UNAVAILABLE', details: { reason: 'ingest_log_failed' } }
const brokenDisk = () => ({ sync: () => Promise.reject(new Error('EIO')), close() {} })

test('what was refused by a disk that failed is not acknowledged when it is sent again, nor is anything else', async (t) => {
  const { room, ctx, log } = await openTelemetryRoom(t, { openSyncer: brokenDisk })
  const named = { key: 'k', bodyHash: 'h' }
  const sends = [
    () => room.send(ctx, frame(1, { frame_id: 'f' }), 'durable'),
    () => room.send(ctx, frame(1), 'durable', { ...named }),
    () => room.sendBatch(ctx, { frames: [frame(1, { frame_id: 'f' })] }),
    () => room.sendBatch(ctx, { frames: [frame(2)] }, { ...named }),
    () => room.send(ctx, frame(3), 'memory'),
  ]
  await rejects(sends[0]!(), failing)
  for (const send of [...sends, ...sends]) await rejects(send(), failing)
  equal(log.hasFailed(), true)
})

test('of a log that refuses at once no frame is kept in hand', async (t) => {
  const { room, ctx, log } = await openTelemetryRoom(t)
  const append = t.mock.method(log, 'append', () => Promise.reject(Object.assign(new Error('no'), failing)))
  for (const m of [1, 2, 3]) await rejects(room.send(ctx, frame(m), 'durable'), failing)
  equal(append.mock.callCount(), 3)
  append.mock.restore()
  await room.send(ctx, frame(4), 'durable')
  const { data } = await room.handlers['telemetry.query'](ctx, {
    start_time: ctx.now() - 1000,
    end_time: ctx.now() + 1000,
    metrics: 'm',
  })
  deepEqual(
    data.map(({ m }) => m),
    [4],
  )
})
