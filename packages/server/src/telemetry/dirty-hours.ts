import { type Micros, microsPerHour } from './instant.ts'
import type { DeviceHour, DirtySet } from './ports.ts'

interface Mark {
  /** When the hour was last touched, in ms. */
  at: number
  /** Grows with each touch, so that a roll-up knows whether a point came in while it was made. */
  generation: number
}

/** Beyond this many pairs a plan names whole hours: they read more raw points, never wrong ones. */
const pairsNamedMax = 500

/** Which device hours must be read from raw points, because their roll-ups don't tell the truth (yet). */
export class DirtyHours {
  readonly #hours = new Map<number, Map<string, Mark>>()
  #size = 0
  #generation = 0

  get size(): number {
    return this.#size
  }

  /** Marks hours and returns the ones that were clean. */
  mark(pairs: readonly DeviceHour[], now: number): DeviceHour[] {
    const fresh: DeviceHour[] = []
    for (const pair of pairs) {
      const devices = this.#hours.get(pair.hour) ?? new Map<string, Mark>()
      this.#hours.set(pair.hour, devices)
      if (!devices.has(pair.device)) {
        this.#size++
        fresh.push(pair)
      }
      devices.set(pair.device, { at: now, generation: ++this.#generation })
    }
    return fresh
  }

  /** Hours over since `over` and untouched since `quietSince`, oldest first, at most `max`. */
  due(over: Micros, quietSince: number, max: number): (DeviceHour & { generation: number })[] {
    const due: (DeviceHour & { generation: number })[] = []
    for (const hour of [...this.#hours.keys()].sort((a, b) => a - b)) {
      if ((hour + 1) * microsPerHour > over) break
      for (const [device, mark] of this.#hours.get(hour)!) {
        if (mark.at <= quietSince) due.push({ device, hour, generation: mark.generation })
        if (due.length === max) return due
      }
    }
    return due
  }

  /** Clears hours unless they were touched again meanwhile; returns the cleared ones. */
  clear(pairs: readonly (DeviceHour & { generation: number })[]): DeviceHour[] {
    return pairs.filter(({ device, hour, generation }) => {
      const devices = this.#hours.get(hour)
      if (devices?.get(device)?.generation !== generation) return false
      devices.delete(device)
      if (devices.size === 0) this.#hours.delete(hour)
      this.#size--
      return true
    })
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
