import { deepEqual, equal, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { ClickHouse } from '../storage/telemetry/clickhouse.ts'
import { testFolder } from '../testing/nexus.ts'
import { openTelemetryRoom } from '../testing/telemetry-room.ts'

const start = Date.UTC(2025, 10, 3)
const minute = 60_000
const hour = 60 * minute

async function filledRoom(t: Parameters<typeof openTelemetryRoom>[0]) {
  const { room, ctx } = await openTelemetryRoom(t)
  const frames = ['d', "it's"].flatMap((device_id) =>
    Array.from({ length: 120 }, (_, i) => ({ device_id, timestamp: start + i * minute, metrics: { a: 1, b: i } })),
  )
  await room.sendBatch(ctx, { frames })
  const counts = async (device_id: string, metrics = 'a') => {
    const range = { device_id: [device_id], start_time: start, end_time: start + 2 * hour, metrics }
    const query = { ...range, aggregation: 'count' as const, interval: '1h', fill: '0' as const }
    return (await room.handlers['telemetry.query'](ctx, query)).data.map((row) => row[metrics])
  }
  const remove = async (input: object) =>
    (
      await room.handlers['telemetry.data.delete'](ctx, {
        device_id: 'd',
        start_time: start,
        end_time: start + hour,
        ...input,
      })
    ).deleted_points
  const latest = async (device_id: string) =>
    (await room.handlers['telemetry.latest'](ctx, { device_id: [device_id] })).devices[0]?.metrics
  return { room, ctx, counts, remove, latest }
}

test('a part of an hour is deleted from points and roll-ups, of one device and no other', async (t) => {
  const { room, counts, remove } = await filledRoom(t)
  await room.rollAll()
  equal(await remove({ start_time: start + 10 * minute, end_time: start + 25 * minute }), 30)
  for (const rolled of [false, true]) {
    if (rolled) await room.rollAll()
    deepEqual(await counts('d'), [45, 60], `rolled up: ${rolled}`)
    deepEqual(await counts("it's"), [60, 60])
  }
  equal(await remove({ start_time: start + 10 * minute, end_time: start + 25 * minute }), 0)
})

test('a metric that is named is deleted, and the others of the device stay', async (t) => {
  const { room, counts, remove } = await filledRoom(t)
  await room.rollAll()
  equal(await remove({ metrics: 'a', device_id: "it's" }), 60)
  await room.rollAll()
  deepEqual(
    [await counts("it's", 'a'), await counts("it's", 'b'), await counts('d')],
    [[null, 60].map((n) => n ?? 0), [60, 60], [60, 60]],
  )
})

test('points that are sent again after a deletion are there again', async (t) => {
  const { room, ctx, counts, remove } = await filledRoom(t)
  await remove({})
  await room.rollAll()
  deepEqual(await counts('d'), [0, 60])
  await room.send(ctx, { device_id: 'd', timestamp: start, metrics: { a: 1 } }, 'durable')
  deepEqual(await counts('d'), [1, 60])
  await room.rollAll()
  deepEqual(await counts('d'), [1, 60])
})

test('the latest values of a device are those that are left, and none when all is deleted', async (t) => {
  const { remove, latest } = await filledRoom(t)
  await remove({ start_time: start + hour, end_time: start + 2 * hour, metrics: 'b' })
  const left = await latest('d')
  deepEqual([left?.a?.timestamp, left?.b?.value], ['2025-11-03T01:59:00Z', 59])
  await remove({ end_time: start + 2 * hour })
  equal(await latest('d'), undefined)
})

test('a deletion elsewhere leaves latest values that are still in the log', async (t) => {
  const { room, ctx, clock } = await openTelemetryRoom(t)
  await room.send(ctx, { device_id: 'd', timestamp: start, metrics: { m: 1 } }, 'durable')
  await room.rollAll()
  await room.send(ctx, { device_id: 'd', timestamp: clock.at, metrics: { m: 2 }, tags: { of: 'new' } }, 'durable')
  await room.handlers['telemetry.data.delete'](ctx, {
    device_id: 'd',
    start_time: start - hour,
    end_time: start + hour,
  })
  const [device] = (await room.handlers['telemetry.latest'](ctx, {})).devices
  deepEqual([device?.metrics.m?.value, device?.tags], [2, { of: 'new' }])
})

test('while a part of a device is deleted, the rest of it is in every answer', async (t) => {
  const { room, counts, remove } = await filledRoom(t)
  await room.rollAll()
  await room.warmAll()
  let ended = false
  const deletion = remove({ start_time: start + hour, end_time: start + 2 * hour }).finally(() => {
    ended = true
  })
  while (!ended) {
    equal((await counts('d'))[0], 60)
    // Answers from memory never wait: without this, nothing else would get its turn.
    await nextTurn()
  }
  equal(await deletion, 120)
  deepEqual(await counts('d'), [60, 0])
})

test('an end that is not after the start is refused', async (t) => {
  const { remove } = await filledRoom(t)
  await rejects(remove({ end_time: start }), { code: 'VALIDATION_ERROR' })
})

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

/** An engine that fails, as the process would be gone, when the deletion comes to the step that begins so. */
function crashingAt(step: string, clickhouse: ClickHouse): ClickHouse {
  const command = (sql: string) => (sql.startsWith(step) ? Promise.reject(new Error('crash')) : clickhouse.command(sql))
  return { ...clickhouse, command }
}

for (const step of ['ALTER TABLE points DELETE', 'ALTER TABLE series DELETE', 'INSERT INTO series']) {
  test(`a deletion that a crash cuts short before ${step} is finished at the next start`, async (t) => {
    const folder = testFolder(t)
    const first = await openTelemetryRoom(t, { folder, engine: (clickhouse) => crashingAt(step, clickhouse) })
    const frame = (minutes: number) => ({
      device_id: 'd',
      timestamp: start + minutes * minute,
      metrics: { a: minutes, b: 1 },
    })
    await first.room.sendBatch(first.ctx, { frames: [0, 10, 70].map(frame) })
    await first.room.rollAll()
    const range = { device_id: 'd', start_time: start, end_time: start + 20 * minute, metrics: 'a' }
    await rejects(first.room.handlers['telemetry.data.delete'](first.ctx, range), /crash/)
    // Sent after the deletion was asked for, so it is not meant by it; on the way and in the store.
    await first.room.send(first.ctx, frame(10), 'durable')
    await first.room.rollAll()
    await first.room.send(first.ctx, frame(15), 'durable')
    await first.close()

    const { room, ctx, log } = await openTelemetryRoom(t, { folder })
    const { metrics } = await room.handlers['telemetry.metrics'](ctx, { device_id: 'd' })
    deepEqual(
      metrics.map(({ name, first_seen }) => [name, first_seen.slice(11, 16)]),
      [
        ['a', '00:10'],
        ['b', '00:00'],
      ],
    )
    const { devices } = await room.handlers['telemetry.latest'](ctx, { device_id: 'd' })
    deepEqual([devices[0]?.metrics.a?.value, devices[0]?.metrics.b?.value], [70, 1])
    const sums = async () => {
      const hours = { start_time: start, end_time: start + 2 * hour, metrics: 'a,b', aggregation: 'sum' as const }
      return (await room.handlers['telemetry.query'](ctx, { ...hours, interval: '1h' })).data.map(({ a, b }) => [a, b])
    }
    for (const rolled of [false, true]) {
      if (rolled) await room.rollAll()
      deepEqual(await sums(), [
        [25, 3],
        [70, 1],
      ])
    }
    deepEqual(log.openDeletions(), [])
  })
}

test('a deletion that went well, or found nothing, leaves nothing to be done again', async (t) => {
  const { room, ctx, log } = await openTelemetryRoom(t)
  await room.send(ctx, { device_id: 'd', timestamp: start, metrics: { m: 1 } }, 'durable')
  for (const device_id of ['d', 'd', 'nobody'])
    await room.handlers['telemetry.data.delete'](ctx, { device_id, start_time: start, end_time: start + hour })
  deepEqual(log.openDeletions(), [])
})

test('a point that is written again while it is deleted is the latest value afterwards, as queries have it', async (t) => {
  const { room, ctx, clock } = await openTelemetryRoom(t)
  const frame = (m: number) => ({ device_id: 'd', timestamp: clock.at, metrics: { m, other: m } })
  const range = { device_id: 'd', start_time: clock.at, end_time: clock.at + 1 }
  const deletion = () => room.handlers['telemetry.data.delete'](ctx, range)
  const seen = async () => {
    const { devices } = await room.handlers['telemetry.latest'](ctx, {})
    const { data } = await room.handlers['telemetry.query'](ctx, { ...range, metrics: 'm' })
    return [devices[0]?.metrics.m?.value, data[0]?.m]
  }
  for (const turns of [0, 1, 3, 10]) {
    await room.send(ctx, frame(1), 'durable')
    const deleting = deletion()
    for (let turn = 0; turn < turns; turn++) await nextTurn()
    await Promise.all([deleting, room.send(ctx, frame(2), 'durable')])
    const [latest, queried] = await seen()
    equal(latest, queried)
  }
  await deletion()
  deepEqual(await seen(), [undefined, undefined])
})

test('deletions that leave the same of a series behind, one after the other, leave it in the catalogue', async (t) => {
  const { room, ctx, store } = await openTelemetryRoom(t)
  for (const m of [0, 1, 2, 3])
    await room.send(ctx, { device_id: 'd', timestamp: start + m * 1000, metrics: { m } }, 'durable')
  for (const m of [1, 2]) {
    const range = { start_time: start + m * 1000, end_time: start + m * 1000 + 1 }
    deepEqual(await room.handlers['telemetry.data.delete'](ctx, { device_id: 'd', ...range }), { deleted_points: 1 })
    const summaries = await store.metrics({ limit: 10 })
    deepEqual(
      summaries.map(({ name, firstAt, lastAt }) => [name, firstAt, lastAt]),
      [['m', start * 1000, (start + 3000) * 1000]],
    )
  }
})
