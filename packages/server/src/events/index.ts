import type { Principal, Tx } from '../core/context.ts'
import { createLoop, type Loop } from '../core/loop.ts'
import type { Listener } from './audience.ts'
import { chainOf } from './chain.ts'
import { type Attendant, EventLog } from './event-log.ts'
import { FrameRing, type RingBounds } from './frame-ring.ts'
import { type EventHandlers, eventHandlers } from './handlers.ts'
import { createHistory } from './history.ts'
import type { EventStore, LoggedEvent, NewEvent, PublishCtx } from './ports.ts'
import { Rounds } from './rounds.ts'
import { openSequence } from './sequence.ts'
import { readStreamStart, type StreamInput } from './stream-start.ts'
import { type Subscription, subscribe } from './subscription.ts'
import type { TransientEvents } from './transient-run.ts'

export type { Attendant } from './event-log.ts'
export { idOf } from './event-log.ts'
export type { EventRange, EventStore, LoggedEvent, NewEvent, PublishCtx } from './ports.ts'
export type { StreamInput } from './stream-start.ts'
export type { StreamItem, StreamReader, Subscription } from './subscription.ts'
export { scopeOf as scopeOfEvent } from './topics.ts'
export type { TransientEvents } from './transient-run.ts'

export interface EventsOptions {
  store: EventStore
  now(): number
  /** How long durable events are kept, and how many at most. */
  keepMs: number
  keepMax: number
  /** The same of frames, which are in memory. */
  frames: RingBounds
  onError(cause: unknown): void
}

export interface Events extends Loop {
  handlers: EventHandlers
  /** Commits with the transaction of `ctx`, or not at all. Returns the event's id. */
  publish(ctx: PublishCtx, event: NewEvent): Promise<string>
  /** The same for several, in their order. */
  publishAll(ctx: PublishCtx, events: readonly NewEvent[]): Promise<string[]>
  /** Passes events on through memory alone, in their order; where somebody listens, some hundreds a turn. */
  emit(events: TransientEvents): void
  /**
   * Tells of each frame of a device, in the turn in which it becomes known; returns what ends that. `heard` must not throw.
   */
  follow(deviceId: string, heard: (frame: LoggedEvent) => void): () => void
  /** Calls `attend` in the transaction of each durable event; what it throws fails that. */
  attend(attend: Attendant): void
  /** An event and what led to it, the newest first: at most `max`, as far as they are kept. Without `tx`: as committed. */
  chain(eventId: string, max: number, tx?: Tx): Promise<LoggedEvent[]>
  /**
   * Checks what is asked for, and opens the stream of it; see `subscribe`. Errors: INVALID_REQUEST (a type, filter or
   * cursor that is none), FORBIDDEN (a type is named whose scope the key lacks). The caller must end it.
   */
  stream(principal: Principal, input: StreamInput): Promise<Subscription>
}

const trimRestMs = 60_000

/** The log of everything that happens: durable events in the state, frames in memory, in one order. */
export async function createEvents(options: EventsOptions): Promise<Events> {
  const { store, now, keepMs, keepMax, onError } = options
  const sequence = await openSequence(store, onError)
  const ring = new FrameRing(options.frames, sequence.before)
  const log = new EventLog({ store, sequence, ring, now })
  const history = createHistory(store, ring)
  const loop = createLoop({
    restMs: trimRestMs,
    onError,
    async run(signal) {
      while (!signal.aborted && (await store.trim(now() - keepMs, keepMax)));
    },
  })
  const streams = { log, history, rounds: new Rounds() }
  return {
    handlers: eventHandlers({ log, history }),
    publish: (ctx, event) => log.publish(ctx, event),
    publishAll: (ctx, some) => log.publishAll(ctx, some),
    emit: (passing) => log.emit(passing),
    follow(deviceId, heard) {
      const listener: Listener = { types: ['telemetry.frame'], devices: [deviceId], heard }
      log.listen(listener)
      return () => log.unlisten(listener)
    },
    attend: (attend) => log.attend(attend),
    chain: (eventId, max, tx) => chainOf(store, eventId, max, tx),
    stream: async (principal, input) => subscribe(streams, await readStreamStart(history, log, principal, input)),
    start: loop.start,
    async stop() {
      sequence.stop()
      await loop.stop()
    },
  }
}
