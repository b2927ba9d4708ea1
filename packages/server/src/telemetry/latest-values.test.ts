import { deepEqual, equal, fail, match, ok } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type ReadFrame, readFrame } from './frame.ts'
import { FramePack, packFrames } from './frame-pack.ts'
import { LatestValues } from './latest-values.ts'
import type { Point } from './point.ts'

const frame = (deviceId: string, metrics: string[]): ReadFrame => ({
  deviceId,
  at: 1_000_000,
  points: metrics.map((metric): Point => ({ metric, kind: 'number', num: 1, str: '' })),
  tags: undefined,
  metadata: undefined,
  frameId: undefined,
})
const names = (count: number, prefix = 'm') => Array.from({ length: count }, (_, i) => `${prefix}${i}`)

test('a device may have so many series and no more; the fault names the first that is too many', () => {
  const latest = new LatestValues(1000, 5)
  equal(latest.mayTake(frame('d', names(5))), undefined)
  equal(latest.mayTake(frame('d', names(6)))?.field, 'metrics.m5')
  latest.update(frame('d', names(4)))
  equal(latest.mayTake(frame('d', ['m0', 'm1', 'm2', 'm3', 'new'])), undefined)
  const fault = latest.mayTake(frame('d', ['m0', 'new', 'newer', 'm1']))
  equal(fault?.field, 'metrics.newer')
  match(fault!.issue, /one metric more than the 5 .* delete the data .* NEXUS_DEVICE_SERIES_MAX/)
})

test('a device at its bound still sends what it has, and another device what it likes', () => {
  const latest = new LatestValues(1000, 3)
  latest.update(frame('d', names(3)))
  equal(latest.mayTake(frame('d', names(3))), undefined)
  equal(latest.mayTake(frame('e', names(3, 'other'))), undefined)
})

test('what is let go makes room for new series', () => {
  const latest = new LatestValues(1000, 3)
  latest.update(frame('d', names(3)))
  equal(latest.mayTake(frame('d', ['new']))?.field, 'metrics.new')
  latest.drop('d', (metric) => metric === 'm0')
  equal(latest.mayTake(frame('d', ['new'])), undefined)
})

test('a device that is over the bound since before keeps its series, and takes no more', () => {
  const latest = new LatestValues(1000, 2)
  const row = { device: 'd', kind: 'number' as const, at: 1, since: 1, num: 1, str: '', tags: {}, metadata: '{}' }
  latest.load(names(4).map((metric) => ({ ...row, metric })))
  equal(latest.mayTake(frame('d', names(4))), undefined)
  equal(latest.mayTake(frame('d', ['m3', 'new']))?.field, 'metrics.new')
})

test('away from the bound the points of a frame are not looked at', () => {
  const latest = new LatestValues(1000, 100)
  latest.update(frame('d', names(10)))
  const points = new Proxy(frame('d', names(10)).points, {
    get: (target, key) => (key === 'length' ? target.length : fail(`looks at ${String(key)}`)),
  })
  equal(latest.mayTake({ ...frame('d', []), points }), undefined)
})

test('a pack taken whole leaves what its frames leave one after another, and would have been refused or warned of nothing', () => {
  const value = fc.oneof({ weight: 40, arbitrary: fc.integer() }, fc.constantFrom(true, 'text'))
  const frame = fc.record({
    device_id: fc.constantFrom('a', 'b', 'c'),
    timestamp: fc.integer({ min: 1, max: 9 }).map((second) => second * 1000),
    metrics: fc.dictionary(fc.constantFrom('m', 'n', 'o', 'p'), value, { minKeys: 1, noNullPrototype: true }),
    tags: fc.dictionary(fc.constantFrom('t', 'u'), fc.constantFrom('x', 'y'), { noNullPrototype: true }),
  })
  let wholes = 0
  fc.assert(
    fc.property(
      fc.array(frame, { maxLength: 4 }),
      fc.array(frame, { minLength: 1, maxLength: 8 }),
      (before, frames) => {
        const [alone, whole] = [new LatestValues(100, 6), new LatestValues(100, 6)]
        for (const value of before) for (const values of [alone, whole]) values.update(readFrame(value, 0) as ReadFrame)
        const pack = new FramePack(structuredClone(packFrames(frames, 0, noBlock)))
        if (!pack.isPlain || !whole.mayTakeWhole(pack)) return
        wholes++
        whole.updateWhole(pack)
        for (const value of frames) {
          const read = readFrame(value, 0) as ReadFrame
          deepEqual([alone.mayTake(read), alone.update(read)], [undefined, []])
        }
        for (const metric of alone.metrics) deepEqual(whole.kindsOf(metric), alone.kindsOf(metric))
        deepEqual(untouched(whole), untouched(alone))
      },
    ),
    { numRuns: 2000 },
  )
  ok(wholes > 200, `${wholes} packs were taken whole`)
})

const noBlock = { begin() {}, setOf: () => 0, add() {}, take: () => new Uint8Array() }

function untouched({ devices }: LatestValues) {
  return Array.from(devices, ([id, { metrics, ...device }]) => {
    const values = Array.from(metrics, ([metric, { touched: _, ...value }]) => [metric, value])
    return [id, device, values]
  })
}
