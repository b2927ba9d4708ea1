import { deepEqual, equal, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import { telemetryLimits } from '@nexus/contract'
import type { Failure } from '../core/failure.ts'
import { openTelemetryRoom } from '../testing/telemetry-room.ts'

const start = Date.UTC(2025, 10, 3)
const minute = 60_000
const range = { start_time: start, end_time: start + 6 * minute }

async function roomWithGaps(t: Parameters<typeof openTelemetryRoom>[0]) {
  const opened = await openTelemetryRoom(t)
  const readings: [device_id: string, at: number, metrics: object][] = [
    ['d1', 1, { n: 10, s: 'on' }],
    ['d1', 4, { n: 40, s: 'off' }],
    ['d2', 2, { n: 7 }],
  ]
  const frames = readings.map(([device_id, at, metrics]) => ({ device_id, timestamp: start + at * minute, metrics }))
  await opened.room.sendBatch(opened.ctx, { frames })
  return opened
}

const filled: Record<'none' | 'null' | 'previous' | 'linear' | '0', unknown[]> = {
  none: [10, 40],
  null: [null, 10, null, null, 40, null],
  previous: [null, 10, 10, 10, 40, 40],
  linear: [null, 10, 20, 30, 40, null],
  '0': [0, 10, 0, 0, 40, 0],
}

for (const fill of ['none', 'null', 'previous', 'linear', '0'] as const) {
  test(`fill=${fill} gives the buckets without a reading what it says`, async (t) => {
    const { room, ctx } = await roomWithGaps(t)
    const query = { ...range, device_id: 'd1', metrics: 'n', aggregation: 'avg' as const, interval: '1m', fill }
    const { data, total_points } = await room.handlers['telemetry.query'](ctx, query)
    deepEqual(
      data.map(({ n }) => n),
      filled[fill],
    )
    equal(total_points, filled[fill].length)
  })
}

test('each group is filled by itself', async (t) => {
  const { room, ctx } = await roomWithGaps(t)
  const query = { ...range, metrics: 'n', aggregation: 'avg' as const, interval: '1m', group_by: 'device_id' }
  const { data } = await room.handlers['telemetry.query'](ctx, { ...query, fill: 'previous' })
  const of = (device: string) => data.filter(({ device_id }) => device_id === device).map(({ n }) => n)
  deepEqual(of('d1'), [null, 10, 10, 10, 40, 40])
  deepEqual(of('d2'), [null, null, 7, 7, 7, 7])
})

test('between values that are no numbers no line is drawn', async (t) => {
  const { room, ctx } = await roomWithGaps(t)
  const query = { ...range, device_id: 'd1', metrics: 's', aggregation: 'last' as const, interval: '1m' }
  const values = async (fill: 'linear' | 'previous') =>
    (await room.handlers['telemetry.query'](ctx, { ...query, fill })).data.map(({ s }) => s)
  deepEqual(await values('linear'), [null, 'on', null, null, 'off', null])
  deepEqual(await values('previous'), [null, 'on', 'on', 'on', 'off', 'off'])
})

test('filling never makes an answer larger than any other may be', async (t) => {
  const { room, ctx } = await roomWithGaps(t)
  const names = Array.from({ length: telemetryLimits.metricsMax - 1 }, (_, i) => `x${i}`)
  const query = { metrics: ['n', ...names], aggregation: 'avg' as const, interval: '1s', fill: 'null' as const }
  const long = { start_time: start, end_time: start + telemetryLimits.queryBucketsMax * 1000 }
  await rejects(room.handlers['telemetry.query'](ctx, { ...query, ...long }), (refused: Failure) => {
    deepEqual([refused.code, refused.details.field], ['INVALID_REQUEST', 'interval'])
    return /more than 2000000 values: choose a coarser interval/.test(refused.details.issue!)
  })
})
