import { type Micros, microsPerHour } from './instant.ts'
import type { DeviceHour, DirtySet } from './ports.ts'

/** Beyond this many pairs a plan names whole hours: they read more raw points, never wrong ones. */
const pairsNamedMax = 500

/**
 * Which device hours must be read from raw points, because their roll-ups don't tell the truth (yet). Hours are marked,
 * and rolled up and cleared, only while the drain stands still: see `Drain.exclusively`.
 */
export class DirtyHours {
  /** When each was last touched, in ms. */
  readonly #hours = new Map<number, Map<string, number>>()
  #size = 0

  get size(): number {
    return this.#size
  }

  /** Marks hours and returns the ones that were clean. */
  mark(pairs: readonly DeviceHour[], now: number): DeviceHour[] {
    const fresh: DeviceHour[] = []
    for (const pair of pairs) {
      const devices = this.#hours.get(pair.hour) ?? new Map<string, number>()
      this.#hours.set(pair.hour, devices)
      if (!devices.has(pair.device)) {
        this.#size++
        fresh.push(pair)
      }
      devices.set(pair.device, now)
    }
    return fresh
  }

  /** Hours over since `over` and untouched since `quietSince`, oldest first, at most `max`. */
  due(over: Micros, quietSince: number, max: number): DeviceHour[] {
    const due: DeviceHour[] = []
    for (const hour of [...this.#hours.keys()].sort((a, b) => a - b)) {
      if ((hour + 1) * microsPerHour > over) break
      for (const [device, touchedAt] of this.#hours.get(hour)!) {
        if (touchedAt <= quietSince) due.push({ device, hour })
        if (due.length === max) return due
      }
    }
    return due
  }

  clear(pairs: readonly DeviceHour[]): void {
    for (const { device, hour } of pairs) {
      const devices = this.#hours.get(hour)
      if (!devices?.delete(device)) continue
      if (devices.size === 0) this.#hours.delete(hour)
      this.#size--
    }
  }

  has(device: string, hour: number): boolean {
    return this.#hours.get(hour)?.has(device) ?? false
  }

  /** The dirty hours of a range, of these devices or of all; `undefined`: all is clean. */
  within(from: Micros, to: Micros, devices: readonly string[] | undefined): DirtySet | undefined {
    const hours = [...this.#hours.keys()].filter(
      (hour) => hour * microsPerHour < to && (hour + 1) * microsPerHour > from,
    )
    const pairs: DeviceHour[] = []
    for (const hour of hours) {
      const marked = this.#hours.get(hour)!
      const named = devices ? devices.filter((device) => marked.has(device)) : marked.keys()
      for (const device of named) pairs.push({ device, hour })
      if (pairs.length > pairsNamedMax) return { hours }
    }
    return pairs.length === 0 ? undefined : { pairs }
  }
}
