import type { Tx } from '../core/context.ts'
import { Audience, type Listener } from './audience.ts'
import type { FrameRing } from './frame-ring.ts'
import type { EventStore, LoggedEvent, NewEvent, PublishCtx } from './ports.ts'
import type { Sequence } from './sequence.ts'
import { type TransientEvents, TransientRun } from './transient-run.ts'

export interface EventLogDeps {
  store: EventStore
  sequence: Sequence
  ring: FrameRing
  now(): number
}

/** Undefined: it has nothing to do with it. */
export type Attendant = (tx: Tx, event: LoggedEvent) => Promise<void> | undefined

/** So few at once that even a stream that wants all of them keeps up; more once more is waiting than can be kept up with. */
const turnEvents = 256
const backlogMax = 50_000
/** So many that whoever wants those of a device is found by the device, not asked about each. */
const frameType = 'telemetry.frame'

/** Open: its transaction is under way, and what has a higher number waits for it. */
interface DurableSlot {
  event: LoggedEvent
  state: 'open' | 'committed' | 'gone'
}

type Slot = DurableSlot | { run: TransientRun; state: 'committed' }

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
  /** How many of the transient events wait. */
  #backlog = 0
  /** How many events were told in this turn of the event loop. */
  #told = 0
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
    const slots = events.map(({ type, subject, data, causeId = null, traceId = ctx.traceId }): DurableSlot => {
      const event = { seq: sequence.next(), type, at, subject, data, traceId, causeId }
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

  /** Passes events on through memory; those for which there is no number are lost, as if they had been dropped. */
  emit(events: TransientEvents): void {
    const { sequence, ring, now } = this.#deps
    for (let from = 0; from < events.length; ) {
      if (sequence.exhausted) {
        ring.lose(this.#released)
        break
      }
      const { first, count } = sequence.take(events.length - from)
      const run = new TransientRun(events, { first, at: now(), from, length: count })
      this.#waiting.push({ run, state: 'committed' })
      this.#backlog += count
      from += count
    }
    this.#release()
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

  /** So much in a turn that a subscriber that keeps up is never overrun; the rest in later ones. */
  #release(): void {
    for (let slot = this.#waiting[0]; slot && slot.state !== 'open'; slot = this.#waiting[0]) {
      const room = Math.max(turnEvents, this.#backlog - backlogMax) - this.#told
      if (room <= 0) return
      if ('run' in slot) this.#pass(slot.run, room)
      else {
        this.#waiting.shift()
        this.#released = slot.event.seq
        if (slot.state === 'committed') this.#tell(slot.event)
      }
    }
  }

  /** Passes on the run that is first, as far as there is room for those of it that somebody hears. */
  #pass(run: TransientRun, room: number): void {
    const toAll = this.#ofTypes.has(run.type)
    const isHeard = toAll || (run.type === frameType && !this.#ofDevices.isEmpty)
    const toldMax = this.#told + room
    let passed = isHeard ? 0 : run.length
    for (; passed < run.length && this.#told < toldMax; passed++) {
      this.#released = run.first + passed
      if (toAll || this.#ofDevices.has(run.subjectOf(passed))) this.#tell(run.event(passed))
    }
    const rest = passed < run.length ? run.part(passed, run.length) : undefined
    if (rest) this.#waiting[0] = { run: rest, state: 'committed' }
    else this.#waiting.shift()
    this.#backlog -= passed
    this.#released = run.first + passed - 1
    this.#deps.ring.push(rest ? run.part(0, passed) : run)
  }

  #tell(event: LoggedEvent): void {
    if (this.#told++ === 0) setImmediate(() => this.#nextTurn())
    this.#ofTypes.tell(event.type, event)
    if (event.type === frameType) this.#ofDevices.tell(event.subject!, event)
  }

  #nextTurn(): void {
    this.#told = 0
    this.#release()
  }
}

export function idOf(seq: number): string {
  return `evt-${seq}`
}
