import { deepEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { openTelemetryRoom } from '../testing/telemetry-room.ts'

test('with more series than memory may hold, last values are whole, newest, and over pages', async (t) => {
  const { room, ctx, clock } = await openTelemetryRoom(t, { latestSeriesMax: 4 })
  const send = (device_id: string, metrics: Record<string, number>, i: number) =>
    room.send(ctx, { device_id, timestamp: clock.at + i, metrics, tags: { odd: String(i % 2) } }, 'durable')
  for (const [i, device] of ['a', 'b', 'c', 'd'].entries()) await send(device, { x: i, y: i }, i)
  await send('a', { x: 9 }, 8)

  const latest = room.handlers['telemetry.latest']
  const [a] = (await latest(ctx, { device_id: 'a' })).devices
  deepEqual([a!.metrics.x?.value, a!.metrics.y?.value], [9, 0])
  const pages: string[] = []
  let cursor: string | null = null
  do {
    const page = await latest(ctx, { tags: 'odd:1', limit: 1, ...(cursor && { cursor }) })
    pages.push(page.devices.map(({ device_id }) => device_id).join())
    cursor = page.next_cursor
  } while (cursor)
  deepEqual(pages, ['b', 'd'])
  const range = { start_time: clock.at, end_time: clock.at + 10, device_id: 'a' }
  deepEqual((await room.handlers['telemetry.query'](ctx, range)).data[0]?.y, 0)
})
