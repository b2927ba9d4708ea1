import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import type { Input, Output } from '@nexus/contract'
import { createClient } from '@nexus/sdk'
import { startTestNexus } from '../testing/nexus.ts'
import { openTelemetryRoom } from '../testing/telemetry-room.ts'

const start = Date.UTC(2025, 10, 3)

type Opened = Awaited<ReturnType<typeof openTelemetryRoom>>

async function fleet({ room, ctx }: Opened) {
  const frames = ['a', 'b', 'c', 'd', 'e'].map((device_id, i) => ({
    device_id,
    timestamp: start + i,
    metrics: { n: i, name: device_id },
    tags: { region: i % 2 === 0 ? 'eu' : 'us' },
    metadata: { version: i },
  }))
  await room.sendBatch(ctx, { frames })
}

async function ask({ room, ctx }: Opened, input: Input<'telemetry.latest'> = {}) {
  return room.handlers['telemetry.latest'](ctx, input)
}

const ids = ({ devices }: Output<'telemetry.latest'>) => devices.map(({ device_id }) => device_id)

for (const latestSeriesMax of [1_000_000, 3]) {
  const where = latestSeriesMax === 3 ? 'when memory holds only some' : 'from memory'

  test(`latest values are found by device, list, tags and metric, page by page, ${where}`, async (t) => {
    const opened = await openTelemetryRoom(t, { latestSeriesMax })
    await fleet(opened)
    // What memory has let go is read from the store, which holds what was drained.
    await opened.room.rollAll()
    deepEqual(ids(await ask(opened)), ['a', 'b', 'c', 'd', 'e'])
    deepEqual(ids(await ask(opened, { device_id: 'd,b,nobody' })), ['b', 'd'])
    deepEqual(ids(await ask(opened, { device_id: ['c'] })), ['c'])
    deepEqual(ids(await ask(opened, { tags: 'region:us' })), ['b', 'd'])
    deepEqual(ids(await ask(opened, { tags: '!region:us', device_id: 'a,b,c' })), ['a', 'c'])
    const one = await ask(opened, { device_id: 'c', metrics: 'n,nothing' })
    deepEqual(one.devices, [
      {
        device_id: 'c',
        tags: { region: 'eu' },
        metadata: { version: 2 },
        metrics: { n: { value: 2, type: 'number', timestamp: '2025-11-03T00:00:00.002Z' } },
      },
    ])
    const pages: string[][] = []
    let cursor: string | null | undefined
    do {
      const page: Output<'telemetry.latest'> = await ask(opened, { limit: 2, ...(cursor && { cursor }) })
      pages.push(ids(page))
      cursor = page.next_cursor
    } while (cursor)
    deepEqual(pages, [['a', 'b'], ['c', 'd'], ['e']])
  })
}

for (const latestSeriesMax of [1_000_000, 3]) {
  const where = latestSeriesMax === 3 ? 'read from the store' : 'from memory'

  test(`a page holds no more than 10,000 values, and goes on inside of a device that has more, ${where}`, async (t) => {
    const opened = await openTelemetryRoom(t, { latestSeriesMax, deviceSeriesMax: 20_000 })
    const big = '\u65e5'.repeat(128)
    const names = Array.from({ length: 42 * 250 }, (_, i) => `m${i}`)
    const frame = (device_id: string, metrics: string[], i: number) => ({
      device_id,
      timestamp: start + i,
      metrics: Object.fromEntries(metrics.map((name) => [name, i])),
    })
    const parts = Array.from({ length: 42 }, (_, i) => frame(big, names.slice(i * 250, (i + 1) * 250), i))
    await opened.room.sendBatch(opened.ctx, {
      frames: [frame('a', ['m'], 0), ...parts, frame('\u65e6', ['m'], 0), frame('\u65e7', ['m'], 0)],
    })
    await opened.room.rollAll()

    const pages: Output<'telemetry.latest'>[] = []
    for (let cursor: string | null | undefined; cursor !== null; cursor = pages.at(-1)!.next_cursor) {
      pages.push(await ask(opened, { limit: 3, ...(cursor && { cursor }) }))
    }
    const shape = pages.map(({ devices }) => devices.map((one) => [one.device_id, Object.keys(one.metrics).length]))
    deepEqual(shape, [
      [['a', 1]],
      [[big, 10_000]],
      [
        [big, 500],
        ['\u65e6', 1],
        ['\u65e7', 1],
      ],
    ])
    const given = pages.flatMap(({ devices }) => devices).filter(({ device_id }) => device_id === big)
    deepEqual(
      given.flatMap(({ metrics }) => Object.keys(metrics)),
      names.sort(),
    )
  })
}

test('a late frame does not take the place of a later one, neither its values nor its tags', async (t) => {
  const opened = await openTelemetryRoom(t)
  const frame = (at: number, metrics: object, tags: object) => ({
    device_id: 'd',
    timestamp: start + at,
    metrics,
    tags,
  })
  const frames = [frame(10, { m: 10 }, { of: 'newest' }), frame(5, { m: 5, other: 5 }, { of: 'late' })]
  await opened.room.sendBatch(opened.ctx, { frames })
  const [device] = (await ask(opened)).devices
  deepEqual(device?.tags, { of: 'newest' })
  deepEqual([device?.metrics.m?.value, device?.metrics.other?.value], [10, 5])
})

test('after a restart latest values and types are as they were', async (t) => {
  const nexus = await startTestNexus(t)
  const frame = (at: number, n: unknown) => ({
    device_id: 'a',
    timestamp: start + at,
    metrics: { n },
    tags: { at: `${at}` },
  })
  await nexus.client.telemetry.frames.batch({
    frames: [frame(0, 1), frame(1, true), { ...frame(2, 'x'), device_id: 'b' }],
  })
  const before = await nexus.client.telemetry.latest()
  await nexus.stop()
  const again = await startTestNexus(t, { dataDir: nexus.folder })
  const client = createClient({ url: again.url, apiKey: nexus.key, retry: false })
  deepEqual(await client.telemetry.latest(), before)
  const range = { start_time: start, end_time: start + 100, metrics: 'n', device_id: 'a', aggregation: 'p50' as const }
  const { data, warnings } = await client.telemetry.query(range)
  deepEqual([data[0]?.n, warnings?.length], [1, 1])
})

test('the catalogue lists metrics by prefix and device, and tags by key, page by page', async (t) => {
  const opened = await openTelemetryRoom(t)
  await fleet(opened)
  const { room, ctx } = opened
  const { metrics } = await room.handlers['telemetry.metrics'](ctx, { prefix: 'n' })
  deepEqual(metrics, [
    {
      name: 'n',
      types: ['number'],
      devices: 5,
      first_seen: '2025-11-03T00:00:00Z',
      last_seen: '2025-11-03T00:00:00.004Z',
    },
    {
      name: 'name',
      types: ['string'],
      devices: 5,
      first_seen: '2025-11-03T00:00:00Z',
      last_seen: '2025-11-03T00:00:00.004Z',
    },
  ])
  equal((await room.handlers['telemetry.metrics'](ctx, { device_id: 'a,b', prefix: 'name' })).metrics[0]?.devices, 2)
  deepEqual((await room.handlers['telemetry.metrics'](ctx, { device_id: 'nobody' })).metrics, [])
  const first = await room.handlers['telemetry.metrics'](ctx, { limit: 1 })
  const second = await room.handlers['telemetry.metrics'](ctx, { limit: 1, cursor: first.next_cursor! })
  deepEqual([first.metrics[0]?.name, second.metrics[0]?.name, second.next_cursor], ['n', 'name', null])

  deepEqual(await room.handlers['telemetry.tags'](ctx, {}), { tags: [{ key: 'region', values: 2 }], next_cursor: null })
  const values = await room.handlers['telemetry.tags'](ctx, { key: 'region', limit: 1 })
  const rest = await room.handlers['telemetry.tags'](ctx, { key: 'region', limit: 1, cursor: values.next_cursor! })
  deepEqual(
    [...values.tags, ...rest.tags],
    [
      { key: 'region', value: 'eu' },
      { key: 'region', value: 'us' },
    ],
  )
  equal(rest.next_cursor, null)
  deepEqual((await room.handlers['telemetry.tags'](ctx, { key: 'nothing' })).tags, [])
})

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
