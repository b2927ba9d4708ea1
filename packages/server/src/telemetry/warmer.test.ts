import { deepEqual, equal } from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { LatestValues } from './latest-values.ts'
import type { TelemetryStore } from './ports.ts'
import { RollUpCache } from './roll-up-cache.ts'
import { createWarmer } from './warmer.ts'

const hourMicros = 3_600_000_000

/** A warmer over one device with an hour of data, on a clock that the test turns; the store is one that only counts. */
function startWarmer(t: TestContext, options: { failures?: number } = {}) {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  let failures = options.failures ?? 0
  const read: string[] = []
  const store = {
    rollUps: async (size: string, { devices, from }: { devices: string[]; from: number }) => {
      if (failures-- > 0) throw new Error('the store is away')
      read.push(`${size} ${from / hourMicros} ${devices.join()}`)
      return []
    },
  } as unknown as TelemetryStore
  const latest = new LatestValues(10)
  const row = { kind: 'number' as const, since: 0, num: 1, str: '', tags: {}, metadata: '{}' }
  latest.load([{ ...row, device: 'd', metric: 'm', at: hourMicros / 2 }])
  const warmer = createWarmer({ store, cache: new RollUpCache(1 << 20), latest, now: () => 0, onError: () => {} })
  warmer.start()
  const pass = async (steps: number, ms: number) => {
    for (let i = 0; i < steps; i++) {
      t.mock.timers.tick(ms)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  return { warmer, read, pass }
}

test('memory is filled step by step, and then the warmer rests without a timer until something is wished', async (t) => {
  const { warmer, read, pass } = startWarmer(t)
  await pass(10, 10)
  deepEqual(read, ['1h 0 d', '1m 0 d'])
  equal(warmer.idle(), true)
  t.mock.method(globalThis, 'setTimeout', () => {
    throw new Error('sets a timer while idle')
  })
  await pass(10, 10)
  t.mock.restoreAll()
})

test('what is wished is read soon, one step after the other', async (t) => {
  const { warmer, read, pass } = startWarmer(t)
  await pass(10, 10)
  warmer.wish({ size: '1m', span: 7, devices: Array.from({ length: 26 }, (_, i) => `d${i}`) })
  equal(warmer.idle(), false)
  await pass(1, 1)
  equal(read.length, 3)
  await pass(2, 10)
  equal(read.length, 4)
  equal(warmer.idle(), true)
})

test('a cleared cache is filled again', async (t) => {
  const { warmer, read, pass } = startWarmer(t)
  await pass(10, 10)
  warmer.refill()
  await pass(10, 10)
  deepEqual(read.slice(2), ['1h 0 d', '1m 0 d'])
})

test('a store that fails is asked again after a second, not sooner', async (t) => {
  const { warmer, read, pass } = startWarmer(t, { failures: 1 })
  await pass(1, 1)
  warmer.wish({ size: '1h', span: 3, devices: ['d'] })
  await pass(99, 10)
  deepEqual(read, [])
  await pass(10, 10)
  deepEqual(read, ['1h 72 d', '1m 0 d'])
})
