import type { LoggedEvent } from './ports.ts'

const waitingMax = 1000
/** From here on an event of a device that still waits gives way to the next one of its kind; more than comes in one turn. */
const coalesceFrom = 600
const takenMax = 256

/** What was heard and not yet taken: at most a thousand events. */
export class Queue {
  #events: (LoggedEvent | undefined)[] = []
  /** Without those that gave way, whose places are empty. */
  #size = 0
  /** Where the frame of a device waits; undefined until that matters. */
  #frames: Map<string, number> | undefined
  #overflowed = false

  /** Something was lost, and everything after it. */
  get overflowed(): boolean {
    return this.#overflowed
  }

  get isEmpty(): boolean {
    return this.#size === 0
  }

  /** `coalesces`: whether a frame may give way to this one. */
  push(event: LoggedEvent, coalesces: boolean): void {
    if (this.#overflowed) return
    if (coalesces && this.#size >= coalesceFrom) this.#giveWay(event)
    this.#overflowed = this.#size >= waitingMax
    if (this.#overflowed) return
    this.#events.push(event)
    this.#size++
  }

  /** The oldest, up to a turn's worth. */
  take(): LoggedEvent[] {
    const waiting = this.#present()
    this.#frames = undefined
    this.#events = waiting.length > takenMax ? waiting.splice(takenMax) : []
    this.#size = this.#events.length
    return waiting
  }

  #giveWay({ type, subject }: LoggedEvent): void {
    if (type !== 'telemetry.frame' || subject === null) return
    if (this.#events.length - this.#size > waitingMax) {
      this.#events = this.#present()
      this.#frames = undefined
    }
    this.#frames ??= framesIn(this.#events)
    const waiting = this.#frames.get(subject)
    if (waiting !== undefined) {
      this.#events[waiting] = undefined
      this.#size--
    }
    this.#frames.set(subject, this.#events.length)
  }

  #present(): LoggedEvent[] {
    if (this.#size === this.#events.length) return this.#events as LoggedEvent[]
    return this.#events.filter((event) => event !== undefined)
  }
}

function framesIn(events: readonly (LoggedEvent | undefined)[]): Map<string, number> {
  const frames = new Map<string, number>()
  for (const [index, event] of events.entries())
    if (event?.type === 'telemetry.frame' && event.subject !== null) frames.set(event.subject, index)
  return frames
}
