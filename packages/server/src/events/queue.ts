import type { EventType } from '@nexus/contract'
import type { Matches } from '../core/filter.ts'
import type { Listener } from './event-log.ts'
import type { LoggedEvent } from './ports.ts'
import type { Wanted } from './shown.ts'

const waitingMax = 1000
/** From here on an event of a device that still waits gives way to the next one of its kind; more than comes in one turn. */
const coalesceFrom = 600
const takenMax = 256

/** What was heard and not yet taken: at most a thousand events. */
export class Queue implements Listener {
  readonly types: readonly EventType[]
  readonly devices: readonly string[] | undefined
  readonly #matches: Matches
  #events: (LoggedEvent | undefined)[] = []
  /** Without those that gave way, whose places are empty. */
  #size = 0
  /** Where the frame of a device waits; undefined until that matters. */
  #frames: Map<string, number> | undefined
  #filled: (() => void) | undefined
  overflowed = false
  /** Not while older events are replayed: what would give way then can be replayed as well. */
  coalesces = false

  constructor({ types, devices, matches }: Wanted & Pick<Listener, 'types'>) {
    this.types = types
    this.devices = devices
    this.#matches = matches
  }

  heard(event: LoggedEvent): void {
    if (this.overflowed || !this.#matches(event.data)) return
    if (this.coalesces && this.#size >= coalesceFrom) this.#giveWay(event)
    if (this.#size >= waitingMax) this.overflowed = true
    else {
      this.#events.push(event)
      this.#size++
    }
    this.wake()
  }

  /** The oldest, up to a turn's worth. */
  take(): LoggedEvent[] {
    const waiting = this.#present()
    this.#frames = undefined
    this.#events = waiting.length > takenMax ? waiting.splice(takenMax) : []
    this.#size = this.#events.length
    return waiting
  }

  clear(): void {
    this.#events = []
    this.#size = 0
    this.#frames = undefined
    this.overflowed = false
  }

  wake(): void {
    this.#filled?.()
    this.#filled = undefined
  }

  /** Its reader has taken everything and waits for more. */
  get isAwaited(): boolean {
    return this.#filled !== undefined
  }

  /** Resolves when something is there, or when it is woken. */
  filled(): Promise<void> {
    if (this.#size > 0 || this.overflowed) return Promise.resolve()
    return new Promise((resolve) => {
      this.#filled = resolve
    })
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
