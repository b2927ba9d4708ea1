import type { EventType } from '@nexus/contract'
import type { FrameRing, RingEvent } from './frame-ring.ts'
import type { EventStore, LoggedEvent, NewEvent, PublishCtx } from './ports.ts'
import type { Sequence } from './sequence.ts'

export interface EventLogDeps {
  store: EventStore
  sequence: Sequence
  ring: FrameRing
  now(): number
}

/** Told of each event of its types, in their order, in the turn in which it becomes known. Must not throw. */
export interface Listener {
  readonly types: readonly EventType[]
  /** Frames of others are not told; undefined: those of all devices are. */
  readonly devices: readonly string[] | undefined
  heard(event: LoggedEvent): void
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
  /** By what they want to be told of: a type of event, or the frames of a device. */
  readonly #listeners = new Map<string, Set<Listener>>()
  readonly #waiting: Slot[] = []
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
  async publish(ctx: PublishCtx, { type, subject, data, causeId = null }: NewEvent): Promise<string> {
    const { store, sequence, now } = this.#deps
    const event: LoggedEvent = { seq: sequence.next(), type, at: now(), subject, data, traceId: ctx.traceId, causeId }
    const slot: Slot = { event, state: 'open' }
    // Throws if the transaction is over: then nothing waits for it.
    store.afterEnd(ctx.tx, (committed) => {
      slot.state = committed ? 'committed' : 'gone'
      this.#release()
    })
    this.#waiting.push(slot)
    await store.append(ctx.tx, event)
    return idOf(event.seq)
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

  listen(listener: Listener): void {
    for (const topic of topicsOf(listener)) {
      const listeners = this.#listeners.get(topic) ?? new Set()
      this.#listeners.set(topic, listeners.add(listener))
    }
  }

  unlisten(listener: Listener): void {
    for (const topic of topicsOf(listener)) {
      const listeners = this.#listeners.get(topic)
      listeners?.delete(listener)
      if (listeners?.size === 0) this.#listeners.delete(topic)
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
    this.#tell(event.type, event)
    if (event.type === frameType) this.#tell(framesOf(event.subject!), event)
  }

  #tell(topic: string, event: LoggedEvent): void {
    for (const listener of this.#listeners.get(topic) ?? []) listener.heard(event)
  }
}

function topicsOf({ types, devices }: Listener): string[] {
  return types.flatMap((type) => (type === frameType && devices ? devices.map(framesOf) : [type]))
}

function framesOf(device: string): string {
  return `${frameType} ${device}`
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
