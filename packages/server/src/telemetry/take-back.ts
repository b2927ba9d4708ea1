import type { Drain } from './drain.ts'
import { instantMax } from './instant.ts'
import type { LatestValues } from './latest-values.ts'
import { identitiesIn } from './log-record.ts'
import type { LogRecord, TelemetryStore } from './ports.ts'

export interface TakeBackDeps {
  latest: LatestValues
  drain: Drain
  store: TelemetryStore
  onError(cause: unknown): void
}

const devicesAtOnce = 1000

/**
 * Makes latest values true again after a commit that failed: what it brought goes at once, and what stood there before
 * is read from the store. Failures come in storms, as when the log is full, so there is one reading at a time.
 */
export function createTakeBack({ latest, drain, store, onError }: TakeBackDeps): (record: LogRecord) => void {
  const spoiled = new Set<string>()
  let reading = false

  const readAgain = async () => {
    while (spoiled.size > 0) {
      await drain.settle(0, instantMax)
      const devices = [...spoiled].slice(0, devicesAtOnce)
      latest.load(await store.latest({ devices, limit: devices.length }))
      for (const device of devices) spoiled.delete(device)
    }
  }

  return (record) => {
    for (const { device, at, metrics } of identitiesIn(record)) {
      latest.drop(device, (metric, value) => value.at === at && metrics.includes(metric))
      spoiled.add(device)
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
