import { type Condition, type Reading, watchCondition } from '../core/condition.ts'
import type { Events, LoggedEvent } from '../events/index.ts'

export interface Followed {
  deviceId: string
  condition: Condition
  /**
   * Called for each frame with which it holds, in the turn in which that becomes known; `at`: when it arrived. Must not throw.
   */
  holds(reading: Reading, at: number): void
}

interface Entry {
  leave(): void
  last: Reading | undefined
}

/** Conditions that are looked for in the frames of devices, as they arrive: at most `max` at once. */
export class Follower {
  readonly #events: Pick<Events, 'follow'>
  readonly #max: number
  readonly #entries = new Map<string, Entry>()

  constructor(events: Pick<Events, 'follow'>, max: number) {
    this.#events = events
    this.#max = max
  }

  get isFull(): boolean {
    return this.#entries.size >= this.#max
  }

  has(key: string): boolean {
    return this.#entries.has(key)
  }

  /** The newest reading that was heard. */
  last(key: string): Reading | undefined {
    return this.#entries.get(key)?.last
  }

  /** False: there is no room. What is followed already is followed on. */
  follow(key: string, { deviceId, condition, holds }: Followed): boolean {
    if (this.#entries.has(key)) return true
    if (this.isFull) return false
    const watch = watchCondition(condition)
    const heard = ({ data, at }: LoggedEvent) => {
      const reading = condition.read((data as { metrics: object }).metrics)
      if (reading === undefined) return
      entry.last = reading
      if (watch.take(at, reading)) holds(reading, at)
    }
    const entry: Entry = { leave: this.#events.follow(deviceId, heard), last: undefined }
    this.#entries.set(key, entry)
    return true
  }

  leave(key: string): void {
    this.#entries.get(key)?.leave()
    this.#entries.delete(key)
  }
}
