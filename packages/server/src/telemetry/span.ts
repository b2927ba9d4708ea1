import { type Micros, microsPerHour } from './instant.ts'
import type { DeviceHour, FrameSpan } from './ports.ts'

/** Gathers from when to when frames reach, and which hours of which devices they touch. */
export class Span {
  #minAt = Number.POSITIVE_INFINITY
  #maxAt = 0
  readonly #devices = new Map<number, Set<string>>()

  add(at: Micros, device: string): void {
    this.#widen(at, at)
    this.#touch(Math.floor(at / microsPerHour), device)
  }

  addAll({ minAt, maxAt, hours }: FrameSpan): void {
    this.#widen(minAt, maxAt)
    for (const { hour, device } of hours) this.#touch(hour, device)
  }

  told(): FrameSpan {
    const hours: DeviceHour[] = []
    for (const [hour, devices] of this.#devices) for (const device of devices) hours.push({ device, hour })
    return { minAt: this.#minAt, maxAt: this.#maxAt, hours }
  }

  #widen(minAt: Micros, maxAt: Micros): void {
    if (minAt < this.#minAt) this.#minAt = minAt
    if (maxAt > this.#maxAt) this.#maxAt = maxAt
  }

  #touch(hour: number, device: string): void {
    const devices = this.#devices.get(hour)
    if (devices) devices.add(device)
    else this.#devices.set(hour, new Set([device]))
  }
}
