import { deepEqual, equal } from 'node:assert/strict'
import { globSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { AggregatePlan, DrainBatch } from '../../telemetry/ports.ts'
import { drainBatchOf } from '../../testing/drain-batch.ts'
import { testFolder } from '../../testing/nexus.ts'
import { openChdb } from './chdb.ts'
import { openTelemetryStore } from './store.ts'

const hour = 3_600_000_000
const day = 24 * hour
const { signal } = new AbortController()

async function open(t: TestContext, path = testFolder(t)) {
  const store = await openTelemetryStore(
    openChdb({ path, readers: 1, queryTimeoutMs: 30_000, queryMemoryBytes: 1 << 30, onQuery: () => {} }),
  )
  t.after(() => store.close())
  return store
}

function batchOf(readings: { device: string; at: number; value: number }[]): DrainBatch {
  return drainBatchOf(readings.map((reading) => ({ metric: 'm', ...reading })))
}

function planOf(end: number, plan: Partial<AggregatePlan>): AggregatePlan {
  return {
    devices: undefined,
    metrics: ['m'],
    tags: undefined,
    aggregation: 'sum',
    start: 0,
    end,
    buckets: 'one',
    byDevice: false,
    byTags: [],
    stretches: [{ source: 'raw', from: 0, to: end }],
    rowsMax: 20_000,
    ...plan,
  }
}

test('a batch over any number of months is taken: else it would hold up all that follow', async (t) => {
  const store = await open(t)
  const points = Array.from({ length: 110 }, (_, i) => ({ device: 'd', at: i * 31 * day, value: 1 }))
  await store.insertBatch(batchOf(points))
  await store.rollUp(
    points.map(({ device, at }) => ({ device, hour: at / hour })),
    2,
  )
  const end = 110 * 31 * day
  equal((await store.aggregate(planOf(end, {}), signal))[0]!.num, 110)
  equal((await store.aggregate(planOf(end, { stretches: [{ source: '1h', from: 0, to: end }] }), signal))[0]!.num, 110)
})

test('a batch that was begun is written whole, though the engine has its token and not its points', async (t) => {
  const path = testFolder(t)
  const batch = batchOf([1, 2, 3].map((at) => ({ device: 'd', at, value: 1 })))
  const first = await openTelemetryStore(
    openChdb({ path, readers: 1, queryTimeoutMs: 30_000, queryMemoryBytes: 1 << 30, onQuery: () => {} }),
  )
  await first.insertBatch(batch)
  await first.close()
  // What a kill leaves between the note of the token and the renaming of the part.
  const parts = globSync(join(path, 'store/*/*/197001_*'))
  equal(parts.length > 0, true)
  for (const part of parts) rmSync(part, { recursive: true })

  const store = await open(t, path)
  const count = async () => (await store.aggregate(planOf(10, {}), signal))[0]?.num ?? 0
  await store.insertBatch(batch)
  equal(await count(), 0)
  await store.insertBatch({ ...batch, begun: true })
  equal(await count(), 3)
  await store.insertBatch({ ...batch, begun: true })
  equal(await count(), 3)
})

test('a thousand devices with the longest names are rolled up and asked for at once', async (t) => {
  const store = await open(t)
  const devices = Array.from({ length: 1000 }, (_, i) => String(i).padStart(128, 'd'))
  await store.insertBatch(batchOf(devices.map((device, at) => ({ device, at, value: 1 }))))
  await store.rollUp(
    devices.map((device) => ({ device, hour: 0 })),
    2,
  )
  const stretches = [0, 1, 2, 3, 4].map((n) => ({ source: '1h' as const, from: n * hour, to: (n + 1) * hour }))
  equal((await store.aggregate(planOf(5 * hour, { devices, stretches }), signal))[0]!.num, 1000)
})

test('eleven thousand days are told apart, by their sums and by their rates', async (t) => {
  const store = await open(t)
  const days = Array.from({ length: 11_000 }, (_, i) => i)
  const told = [0, 1, 29, 5000, 10_999]
  await store.insertBatch(
    batchOf(told.flatMap((n) => [0, 1].map((value) => ({ device: 'd', at: n * day + value * hour, value })))),
  )
  const end = 11_000 * day
  const buckets = { starts: days.map((n) => n * day) }
  const sums = await store.aggregate(planOf(end, { buckets }), signal)
  deepEqual(
    sums.map(({ bucket, num }) => [bucket, num]),
    told.map((n) => [n * day, 1]),
  )
  equal((await store.aggregate(planOf(end, { buckets, aggregation: 'rate' }), signal)).length, told.length)
})
