import type { EventType } from '@nexus/contract'
import type { Tx } from '../core/context.ts'
import { Audience, type Listener } from './audience.ts'
import type { FrameRing, RingEvent } from './frame-ring.ts'
import type { EventStore, LoggedEvent, NewEvent, PublishCtx } from './ports.ts'
import type { Sequence } from './sequence.ts'

export interface EventLogDeps {
  store: EventStore
  sequence: Sequence
  ring: FrameRing
  now(): number
}

/** An event that passes through memory alone; what it says is only worked out when somebody asks. */
export interface TransientEvent {
  type: EventType
  subject: string
  data(): object
  traceId(): string
  /** The trace, if it was asked for before or came with a request. */
  knownTraceId(): string | undefined
  /** About how much memory it holds on to. */
  readonly bytes: number
}

/** Undefined: it has nothing to do with it. */
export type Attendant = (tx: Tx, event: LoggedEvent) => Promise<void> | undefined

const turnEvents = 256
/** So many that whoever wants those of a device is found by the device, not asked about each. */
const frameType = 'telemetry.frame'
const passingBytes = 300

interface Slot {
  event: LoggedEvent
  /** Open: its transaction is under way, and what has a higher number waits for it. */
  state: 'open' | 'committed' | 'gone'
}

/**
 * Orders everything that happens. A durable event gets its number in the transaction that it describes, and everything
 * numbered later is held back until that has ended: who has seen a number has seen all below it that there will ever be.
 */
export class EventLog {
  readonly #deps: EventLogDeps
  readonly #ofTypes = new Audience()
  readonly #ofDevices = new Audience()
  readonly #waiting: Slot[] = []
  readonly #attendants: Attendant[] = []
  #released: number

  constructor(deps: EventLogDeps) {
    this.#deps = deps
    this.#released = deps.sequence.before
  }

  /** The highest number up to which everything is known. */
  get released(): number {
    return this.#released
  }

  /** Commits with the transaction of `ctx`, or not at all; heard by others once it is durable. Returns its id. */
  async publish(ctx: PublishCtx, event: NewEvent): Promise<string> {
    return (await this.publishAll(ctx, [event]))[0]!
  }

  /** The same for several, in their order. */
  async publishAll(ctx: PublishCtx, events: readonly NewEvent[]): Promise<string[]> {
    const { store, sequence, now } = this.#deps
    const at = now()
    const slots = events.map(({ type, subject, data, causeId = null }): Slot => {
      const event = { seq: sequence.next(), type, at, subject, data, traceId: ctx.traceId, causeId }
      return { event, state: 'open' }
    })
    // Throws if the transaction is over: then nothing waits for it.
    store.afterEnd(ctx.tx, (committed) => {
      for (const slot of slots) slot.state = committed ? 'committed' : 'gone'
      this.#release()
    })
    this.#waiting.push(...slots)
    await store.append(ctx.tx, ...slots.map(({ event }) => event))
    for (const { event } of slots)
      for (const attend of this.#attendants) {
        const attended = attend(ctx.tx, event)
        if (attended) await attended
      }
    return slots.map(({ event }) => idOf(event.seq))
  }

  /** Passes an event on through memory; one for which there is no number is lost, as if it had been dropped. */
  emit(transient: TransientEvent): void {
    const { sequence, ring, now } = this.#deps
    if (sequence.exhausted) {
      ring.lose(this.#released)
      return
    }
    const event = new PassingEvent(sequence.next(), now(), transient)
    if (this.#waiting.length === 0) this.#deliver(event)
    else this.#waiting.push({ event, state: 'committed' })
  }

  /** `attend` is called in the transaction of each durable event; what it throws fails that. */
  attend(attend: Attendant): void {
    this.#attendants.push(attend)
  }

  listen(listener: Listener): void {
    for (const [audience, key] of this.#places(listener)) audience.add(key, listener)
  }

  unlisten(listener: Listener): void {
    for (const [audience, key] of this.#places(listener)) audience.remove(key, listener)
  }

  *#places({ types, devices }: Listener): Generator<[audience: Audience, key: string]> {
    for (const type of types) {
      if (type !== frameType || !devices) yield [this.#ofTypes, type]
      else for (const device of devices) yield [this.#ofDevices, device]
    }
  }

  /** So much at once that a subscriber that keeps up is never overrun; the rest in later turns. */
  #release(): void {
    let released = 0
    while (released < turnEvents && this.#waiting[released] && this.#waiting[released]!.state !== 'open') released++
    for (const { event, state } of this.#waiting.splice(0, released)) {
      if (state === 'committed') this.#deliver(event)
      else this.#released = event.seq
    }
    if (released === turnEvents) setImmediate(() => this.#release())
  }

  #deliver(event: LoggedEvent): void {
    this.#released = event.seq
    // What an event says is kept for those who hear it now, and worked out anew for those who come later.
    if (event instanceof PassingEvent) this.#deps.ring.push(event.anew())
    this.#ofTypes.tell(event.type, event)
    if (event.type === frameType) this.#ofDevices.tell(event.subject!, event)
  }
}

export function idOf(seq: number): string {
  return `evt-${seq}`
}

class PassingEvent implements RingEvent {
  readonly seq: number
  readonly at: number
  readonly causeId = null
  readonly #transient: TransientEvent
  #data: object | undefined

  constructor(seq: number, at: number, transient: TransientEvent) {
    this.seq = seq
    this.at = at
    this.#transient = transient
  }

  get type(): EventType {
    return this.#transient.type
  }

  get subject(): string {
    return this.#transient.subject
  }

  get data(): object {
    this.#data ??= this.#transient.data()
    return this.#data
  }

  get traceId(): string {
    return this.#transient.traceId()
  }

  get knownTraceId(): string | undefined {
    return this.#transient.knownTraceId()
  }

  get bytes(): number {
    return this.#transient.bytes + passingBytes
  }

  anew(): PassingEvent {
    return new PassingEvent(this.seq, this.at, this.#transient)
  }
}
