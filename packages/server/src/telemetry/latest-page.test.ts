import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import { cutPage, type LatestPosition } from './latest-page.ts'
import type { LatestDevice, LatestValue } from './latest-values.ts'

const start = { device: '', metric: '' }

function device(id: string, count: number, str = ''): [string, LatestDevice] {
  const value: LatestValue = { at: 0, kind: str === '' ? 'number' : 'string', num: 1, str, touched: 0 }
  const names = Array.from({ length: count }, (_, i) => `m${String(i).padStart(5, '0')}`)
  return [id, { at: 0, since: 0, tags: {}, metadata: {}, metrics: new Map(names.map((name) => [name, value])) }]
}

async function shapeOf(
  devices: [string, LatestDevice][],
  { limit = 100, metrics, from = start }: { limit?: number; metrics?: string[]; from?: LatestPosition } = {},
) {
  const page = await cutPage(devices, { limit, metrics, from })
  return [page.devices.map((one) => [one.device_id, Object.keys(one.metrics).length]), page.next]
}

test('a page that holds all has no next one', async () => {
  deepEqual(await shapeOf([device('a', 4_000), device('b', 6_000)]), [
    [
      ['a', 4_000],
      ['b', 6_000],
    ],
    undefined,
  ])
})

test('a device that does not fit any more begins the next page, whole', async () => {
  const devices = [device('a', 4_000), device('b', 6_001)]
  deepEqual(await shapeOf(devices), [[['a', 4_000]], { device: 'a', metric: '' }])
})

test('a device that no page holds is cut by the name of its metrics, and continued', async () => {
  const devices = [device('a', 10_001), device('b', 1)]
  const next = { device: 'a', metric: 'm09999' }
  deepEqual(await shapeOf(devices), [[['a', 10_000]], next])
  deepEqual(await shapeOf(devices, { from: next }), [
    [
      ['a', 1],
      ['b', 1],
    ],
    undefined,
  ])
})

test('only the metrics that were asked for count', async () => {
  const devices = Array.from({ length: 3 }, (_, i) => device(`d${i}`, 9_000))
  const [given, next] = await shapeOf(devices, { metrics: ['m00002', 'nothing', 'm00001'] })
  deepEqual(given, [
    ['d0', 2],
    ['d1', 2],
    ['d2', 2],
  ])
  equal(next, undefined)
})

test('long texts count for more, so that a page of them is bounded too', async () => {
  deepEqual(await shapeOf([device('a', 2_000, 'x'.repeat(8 * 1024))]), [
    [['a', 1_111]],
    { device: 'a', metric: 'm01110' },
  ])
})

test('no more devices are read than a page and the next one need', async () => {
  let taken = 0
  function* many() {
    for (;;) yield device(`d${taken++}`, 1)
  }
  const { devices, next } = await cutPage(many(), { limit: 3, metrics: undefined, from: start })
  deepEqual([devices.length, next?.device, taken], [3, 'd2', 4])
})
