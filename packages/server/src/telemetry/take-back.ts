import type { Drain } from './drain.ts'
import type { ReadFrame } from './frame.ts'
import { instantMax, type Micros } from './instant.ts'
import type { LatestValues } from './latest-values.ts'
import type { TelemetryStore } from './ports.ts'

export interface TakeBackDeps {
  latest: LatestValues
  drain: Drain
  store: TelemetryStore
  onError(cause: unknown): void
}

const devicesAtOnce = 1000

/**
 * Makes latest values true again after a commit that failed: what it brought gives way to what the store holds. Failures
 * come in storms, as when the log is full, so there is one reading at a time, and of each series only the newest counts.
 */
export function createTakeBack({
  latest,
  drain,
  store,
  onError,
}: TakeBackDeps): (frames: readonly ReadFrame[]) => void {
  const refused = new Map<string, Map<string, Micros>>()
  let reading = false

  const readAgain = async () => {
    while (refused.size > 0) {
      await drain.settle(0, instantMax)
      const devices = [...refused.keys()].slice(0, devicesAtOnce)
      const rows = await store.latest({ devices, limit: devices.length })
      // Both at once, for queries take latest values for all series.
      for (const device of devices) {
        const metrics = refused.get(device)!
        latest.drop(device, (metric, { at }) => metrics.get(metric) === at)
        refused.delete(device)
      }
      latest.load(rows)
    }
  }

  return (frames) => {
    for (const { deviceId, at, points } of frames) {
      const newest = refused.get(deviceId) ?? new Map<string, Micros>()
      refused.set(deviceId, newest)
      for (const { metric } of points) newest.set(metric, Math.max(at, newest.get(metric) ?? 0))
    }
    if (reading) return
    reading = true
    readAgain()
      .catch(onError)
      .finally(() => {
        reading = false
      })
  }
}
