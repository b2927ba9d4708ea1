import type { EventType } from '@nexus/contract'
import type { Matches } from '../core/filter.ts'
import type { EventLog, Listener } from './event-log.ts'
import type { History } from './history.ts'
import type { LoggedEvent } from './ports.ts'
import { earliest } from './shown.ts'

export interface SubscriptionOptions {
  types: readonly EventType[]
  matches: Matches
  /** The number of the last event that was seen; undefined: from now on. */
  after: number | undefined
  signal: AbortSignal
}

/** What a subscriber gets: events in their order; what was lost before the first; that it was too slow, and then the end. */
export type StreamItem =
  /** Where it begins, when no cursor was given: what comes back with this has missed nothing. */
  | { kind: 'begin'; seq: number }
  | { kind: 'event'; event: LoggedEvent }
  | { kind: 'gap'; requested: number; firstAvailable: number }
  | { kind: 'overflow' }

const pageSize = 500
const queueMax = 1000
/** From here on an event of a device that still waits gives way to the next one of its kind; more than comes in one turn. */
const coalesceFrom = 600

/**
 * Replays what happened after a cursor, then goes on with what happens, with neither a gap nor a repetition in between.
 * Ends when the signal is aborted. What a slow reader has not taken is bounded: frames give way to newer ones of their
 * device, everything else ends it with `overflow`, to be resumed from the last event that was read.
 */
export async function* subscribe(
  log: EventLog,
  history: History,
  { types, matches, after, signal }: SubscriptionOptions,
): AsyncGenerator<StreamItem> {
  const queue = new Queue(types, matches)
  const wake = () => queue.wake()
  signal.addEventListener('abort', wake, { once: true })
  try {
    if (after === undefined) {
      log.listen(queue)
      yield { kind: 'begin', seq: log.released }
    }
    for (let from = after; from !== undefined; ) {
      // What is released from now on waits in the queue; when it runs over meanwhile, the replay goes on from here.
      queue.clear()
      log.listen(queue)
      const upTo = log.released
      // Of another log, such as that of a backup: what is there now came later, as far as anybody can tell.
      if (from > upTo) yield { kind: 'gap', requested: from, firstAvailable: upTo + 1 }
      for await (const item of replay(history, types, from, upTo)) {
        if (signal.aborted) return
        if (item.kind !== 'event' || matches(item.event.data)) yield item
      }
      from = queue.overflowed ? upTo : undefined
    }
    queue.coalesces = true
    while (!signal.aborted) {
      for (let event = queue.shift(); event && !signal.aborted; event = queue.shift()) yield { kind: 'event', event }
      if (queue.overflowed) {
        yield { kind: 'overflow' }
        return
      }
      if (!signal.aborted) await queue.filled()
    }
  } finally {
    signal.removeEventListener('abort', wake)
    log.unlisten(queue)
  }
}

async function* replay(
  history: History,
  types: readonly EventType[],
  after: number,
  upTo: number,
): AsyncGenerator<StreamItem> {
  // Before the earliest nothing is missing, and what was told once is told no more.
  let told = after === earliest ? undefined : after
  for (let from = after; from < upTo; ) {
    const { events, goneUpTo } = await history.read({ after: from, upTo, types, limit: pageSize })
    if (told !== undefined && Math.max(told, from) < goneUpTo)
      yield { kind: 'gap', requested: from, firstAvailable: events[0]?.seq ?? goneUpTo + 1 }
    told = Math.max(told ?? 0, goneUpTo)
    for (const event of events) yield { kind: 'event', event }
    if (events.length < pageSize) return
    from = events.at(-1)!.seq
  }
}

/** What was heard and not yet taken. */
class Queue implements Listener {
  readonly types: readonly EventType[]
  readonly #matches: Matches
  #events = new Map<number, LoggedEvent>()
  /** Of frames that wait, by device. */
  #frames = new Map<string, number>()
  #filled: (() => void) | undefined
  overflowed = false
  /** Not while older events are replayed: what would give way then can be replayed as well. */
  coalesces = false

  constructor(types: readonly EventType[], matches: Matches) {
    this.types = types
    this.#matches = matches
  }

  heard(event: LoggedEvent): void {
    if (this.overflowed || !this.#matches(event.data)) return
    if (event.type === 'telemetry.frame' && event.subject !== null) {
      const waiting = this.#frames.get(event.subject)
      if (waiting !== undefined && this.coalesces && this.#events.size >= coalesceFrom) this.#events.delete(waiting)
      this.#frames.set(event.subject, event.seq)
    }
    if (this.#events.size >= queueMax) this.overflowed = true
    else this.#events.set(event.seq, event)
    this.wake()
  }

  shift(): LoggedEvent | undefined {
    for (const [seq, event] of this.#events) {
      this.#events.delete(seq)
      if (event.subject !== null && this.#frames.get(event.subject) === seq) this.#frames.delete(event.subject)
      return event
    }
    return undefined
  }

  clear(): void {
    this.#events.clear()
    this.#frames.clear()
    this.overflowed = false
  }

  wake(): void {
    this.#filled?.()
    this.#filled = undefined
  }

  /** Resolves when something is there, or when it is woken. */
  filled(): Promise<void> {
    if (this.#events.size > 0 || this.overflowed) return Promise.resolve()
    return new Promise((resolve) => {
      this.#filled = resolve
    })
  }
}
