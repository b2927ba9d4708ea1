import type { LoggedEvent } from './ports.ts'

/** An event and about how much memory goes with it. */
export interface RingEvent extends LoggedEvent {
  readonly bytes: number
  /** The trace, if it is known already: most are made up when somebody asks. */
  readonly knownTraceId: string | undefined
  /** The same event, with nothing worked out yet. */
  anew(): RingEvent
}

export interface RingBounds {
  max: number
  bytesMax: number
  keepMs: number
}

/** Keeps the newest events of a kind that is too frequent for the state: bounded in number, memory and age. */
export class FrameRing {
  readonly #max: number
  readonly #bytesMax: number
  readonly #keepMs: number
  readonly #events: (RingEvent | undefined)[] = []
  #bytes = 0
  #first = 0
  #size = 0
  #droppedUpTo: number

  /** `before`: what came before it, as before a restart, is gone. */
  constructor({ max, bytesMax, keepMs }: RingBounds, before: number) {
    this.#max = max
    this.#bytesMax = bytesMax
    this.#keepMs = keepMs
    this.#droppedUpTo = before
  }

  /** The number up to which nothing is there any more. */
  get droppedUpTo(): number {
    return this.#droppedUpTo
  }

  push(event: RingEvent): void {
    this.#expire(event.at)
    while (this.#size === this.#max || (this.#size > 0 && this.#bytes + event.bytes > this.#bytesMax)) this.#dropFirst()
    this.#events[(this.#first + this.#size) % this.#max] = event
    this.#size++
    this.#bytes += event.bytes
  }

  /** Something was lost that came after `seq`: it never got a number. */
  lose(seq: number): void {
    while (this.#size > 0) this.#dropFirst()
    this.#droppedUpTo = seq + 1
  }

  /** The first of (after, upTo], in order. */
  read(after: number, upTo: number, limit: number): RingEvent[] {
    const found: RingEvent[] = []
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

  ofTrace(traceId: string, limit: number): RingEvent[] {
    const found: RingEvent[] = []
    for (let i = 0; i < this.#size && found.length < limit; i++)
      if (this.#at(i).knownTraceId === traceId) found.push(this.#at(i))
    return found
  }

  #expire(now: number): void {
    while (this.#size > 0 && this.#at(0).at < now - this.#keepMs) this.#dropFirst()
  }

  #dropFirst(): void {
    this.#droppedUpTo = this.#at(0).seq
    this.#bytes -= this.#at(0).bytes
    this.#events[this.#first] = undefined
    this.#first = (this.#first + 1) % this.#max
    this.#size--
  }

  #at(index: number): RingEvent {
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
