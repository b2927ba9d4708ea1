import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import { openTelemetryRoom } from '../testing/telemetry-room.ts'

test('after a deletion the last value is the one before, also while it runs for the rest', async (t) => {
  const { room, ctx, clock } = await openTelemetryRoom(t)
  const hour = 3_600_000
  for (const [i, m] of [1, 2].entries()) {
    await room.send(ctx, { device_id: 'd', timestamp: clock.at - (2 - i) * hour, metrics: { m } }, 'durable')
  }
  await room.rollAll()
  await room.warmAll()
  const range = { start_time: clock.at - hour, end_time: clock.at }
  const deletion = room.handlers['telemetry.data.delete'](ctx, { device_id: 'd', ...range })
  const before = { start_time: clock.at - 2 * hour, end_time: clock.at - hour, aggregation: 'sum' as const }
  const during = room.handlers['telemetry.query'](ctx, { ...before, metrics: 'm' })
  deepEqual([(await during).data[0]?.m, (await deletion).deleted_points], [1, 1])
  equal((await room.handlers['telemetry.latest'](ctx, {})).devices[0]?.metrics.m?.value, 1)
})
