import { equal } from 'node:assert/strict'
import { test } from 'node:test'
import type { WriteCtx } from '../core/context.ts'
import { openTelemetryRoom } from '../testing/telemetry-room.ts'

test('retention that could not be kept is not followed', async (t) => {
  const policies = { policies: [{ metrics: '*', keep: '1h' }] }
  const { room, ctx, clock } = await openTelemetryRoom(t, {
    retention: { get: async () => ({ policies: [] }), put: async () => {}, afterCommit: () => {} },
  })
  await room.handlers['telemetry.retention.put']({ ...ctx, tx: {} } as WriteCtx, policies)
  const old = { device_id: 'd', timestamp: clock.at - 24 * 3_600_000, metrics: { m: 1 } }
  equal((await room.send(ctx, old, 'durable')).success, true)
})
