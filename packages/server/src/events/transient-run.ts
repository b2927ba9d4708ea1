import type { EventType } from '@nexus/contract'
import type { LoggedEvent } from './ports.ts'

/**
 * Events of one type that pass through memory alone, one after another; what each says is only worked out when somebody asks.
 */
export interface TransientEvents {
  readonly type: EventType
  readonly length: number
  /** About how much memory they hold on to, together. */
  readonly bytes: number
  subjectOf(index: number): string
  dataOf(index: number): object
  /** The same at each call. */
  traceIdOf(index: number): string
  /** The trace, if it was asked for before or came with a request. */
  knownTraceIdOf(index: number): string | undefined
}

/** Some of them, from `from` on, under numbers that follow each other. */
export class TransientRun {
  /** The number of the first. */
  readonly first: number
  readonly at: number
  readonly length: number
  readonly #events: TransientEvents
  readonly #from: number

  constructor(events: TransientEvents, numbered: { first: number; at: number; from: number; length: number }) {
    this.first = numbered.first
    this.at = numbered.at
    this.length = numbered.length
    this.#events = events
    this.#from = numbered.from
  }

  get type(): EventType {
    return this.#events.type
  }

  get last(): number {
    return this.first + this.length - 1
  }

  /** Its share of what all of them take. */
  get bytes(): number {
    return runBytes + (this.#events.bytes * this.length) / this.#events.length
  }

  subjectOf(index: number): string {
    return this.#events.subjectOf(this.#from + index)
  }

  knownTraceIdOf(index: number): string | undefined {
    return this.#events.knownTraceIdOf(this.#from + index)
  }

  /** A new one at each call: what is worked out of it goes with who asked for it. */
  event(index: number): LoggedEvent {
    return new TransientEvent(this.#events, this.#from + index, this.first + index, this.at)
  }

  part(begin: number, end: number): TransientRun {
    const { first, at } = this
    return new TransientRun(this.#events, { first: first + begin, at, from: this.#from + begin, length: end - begin })
  }
}

const runBytes = 300

class TransientEvent implements LoggedEvent {
  readonly seq: number
  readonly at: number
  readonly causeId = null
  readonly #events: TransientEvents
  readonly #index: number
  #data: object | undefined

  constructor(events: TransientEvents, index: number, seq: number, at: number) {
    this.seq = seq
    this.at = at
    this.#events = events
    this.#index = index
  }

  get type(): EventType {
    return this.#events.type
  }

  get subject(): string {
    return this.#events.subjectOf(this.#index)
  }

  get data(): object {
    this.#data ??= this.#events.dataOf(this.#index)
    return this.#data
  }

  get traceId(): string {
    return this.#events.traceIdOf(this.#index)
  }
}
