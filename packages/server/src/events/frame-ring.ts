import type { LoggedEvent } from './ports.ts'

/** Keeps the newest events of a kind that is too frequent for the state: bounded in number and in age. */
export class FrameRing {
  readonly #max: number
  readonly #keepMs: number
  readonly #events: (LoggedEvent | undefined)[]
  #first = 0
  #size = 0
  #droppedUpTo: number

  /** `before`: what came before it, as before a restart, is gone. */
  constructor(max: number, keepMs: number, before: number) {
    this.#max = max
    this.#keepMs = keepMs
    this.#events = []
    this.#droppedUpTo = before
  }

  /** The number up to which nothing is there any more. */
  get droppedUpTo(): number {
    return this.#droppedUpTo
  }

  push(event: LoggedEvent): void {
    this.#expire(event.at)
    if (this.#size === this.#max) this.#dropFirst()
    this.#events[(this.#first + this.#size) % this.#max] = event
    this.#size++
  }

  /** The first of (after, upTo], in order. */
  read(after: number, upTo: number, limit: number): LoggedEvent[] {
    const found: LoggedEvent[] = []
    for (let i = this.#indexAfter(after); i < this.#size && found.length < limit; i++) {
      const event = this.#at(i)
      if (event.seq > upTo) break
      found.push(event)
    }
    return found
  }

  /** The number of the first that happened at this time or later. */
  firstSince(at: number): number | undefined {
    for (let i = 0; i < this.#size; i++) if (this.#at(i).at >= at) return this.#at(i).seq
    return undefined
  }

  ofTrace(traceId: string, limit: number): LoggedEvent[] {
    const found: LoggedEvent[] = []
    for (let i = 0; i < this.#size && found.length < limit; i++)
      if (this.#at(i).traceId === traceId) found.push(this.#at(i))
    return found
  }

  #expire(now: number): void {
    while (this.#size > 0 && this.#at(0).at < now - this.#keepMs) this.#dropFirst()
  }

  #dropFirst(): void {
    this.#droppedUpTo = this.#at(0).seq
    this.#events[this.#first] = undefined
    this.#first = (this.#first + 1) % this.#max
    this.#size--
  }

  #at(index: number): LoggedEvent {
    return this.#events[(this.#first + index) % this.#max]!
  }

  #indexAfter(seq: number): number {
    let [low, high] = [0, this.#size]
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#at(middle).seq <= seq) low = middle + 1
      else high = middle
    }
    return low
  }
}
