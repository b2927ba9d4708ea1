import type { EventType } from '@nexus/contract'
import type { Matches } from '../core/filter.ts'
import type { Listener } from './audience.ts'
import type { EventLog } from './event-log.ts'
import type { History } from './history.ts'
import type { LoggedEvent } from './ports.ts'
import { Queue } from './queue.ts'
import { ReadAhead } from './read-ahead.ts'
import { type PastItem, replay } from './replay.ts'
import type { Rounds, Waiter } from './rounds.ts'
import { earliest } from './shown.ts'
import type { StreamStart } from './stream-start.ts'

export interface SubscriptionDeps {
  log: EventLog
  history: History
  rounds: Rounds
}

/** What a subscriber gets: events in their order; what was lost before the next; that it was too slow, and then the end. */
export type StreamItem = PastItem | { kind: 'overflow' }

export interface StreamReader {
  /** Something can be taken, or the stream is over. Must not throw. */
  ready(): void
}

/**
 * Replays what happened after a cursor, then goes on with what happens, with neither a gap nor a repetition in between;
 * without a cursor, from this very moment. What a slow reader has not taken is bounded: frames give way to newer ones of
 * their device, everything else ends it with `overflow`, to be resumed from the last event that was read.
 */
export async function subscribe(deps: SubscriptionDeps, start: StreamStart): Promise<Subscription> {
  const { types, after } = start
  const { released } = deps.log
  if (after === undefined) return new Subscription(deps, start, { cursor: released, recovered: false })
  const gone = after === earliest ? after : await deps.history.goneUpTo(types)
  const recovered = gone <= after && after <= deps.log.released
  return new Subscription(deps, start, { cursor: Math.max(after, 0), recovered })
}

/**
 * One subscriber's part of the log. It is read in steps, `whenReady` and then `take`, so that one for which nothing comes
 * keeps neither a promise nor a queue: there are many. States: replaying -> live -> lost (it ran over) -> over; whoever
 * reads no more says so with `end`.
 */
export class Subscription implements Listener, Waiter {
  /** Where it begins: who comes back with this has missed nothing. */
  readonly cursor: number
  /** Whether a cursor was given, and everything after it is there. */
  readonly recovered: boolean
  readonly types: readonly EventType[]
  readonly devices: readonly string[] | undefined
  readonly #deps: SubscriptionDeps
  readonly #matches: Matches
  /** Undefined: it is live. */
  #past: ReadAhead<PastItem> | undefined
  /** Undefined: nothing waits. */
  #queue: Queue | undefined
  #reader: StreamReader | undefined
  #isDue = false
  #isLost = false
  #isOver = false

  constructor(
    deps: SubscriptionDeps,
    { types, devices, matches, after }: StreamStart,
    { cursor, recovered }: Pick<Subscription, 'cursor' | 'recovered'>,
  ) {
    this.cursor = cursor
    this.recovered = recovered
    this.types = types
    this.devices = devices
    this.#deps = deps
    this.#matches = matches
    if (after === undefined) deps.log.listen(this)
    else this.#past = new ReadAhead(this.#catchUp(after), () => this.#announce())
  }

  /** Nothing can be taken any more. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** The number up to which everything has been taken by the reader; undefined while something waits for it. */
  position(): number | undefined {
    return this.#reader && !this.#past && !this.#somethingWaits ? this.#deps.log.released : undefined
  }

  /** Tells the reader once, when there is something to take, and never within this call; not once it was ended. */
  whenReady(reader: StreamReader): void {
    if (this.#isOver) return
    this.#reader = reader
    if (this.#somethingWaits) this.#announce()
  }

  /** What comes next; undefined: nothing for now, or the stream is over. Throws what reading the past threw. */
  take(): StreamItem | undefined {
    if (this.#past && !this.#past.isOver) return this.#past.take()
    this.#past = undefined
    if (this.#isLost) this.end()
    const queue = this.#queue
    if (!queue) return undefined
    if (queue.isEmpty) return this.#lose()
    const events = queue.take()
    if (queue.isEmpty && !queue.overflowed) this.#queue = undefined
    return { kind: 'events', events }
  }

  end(): void {
    this.#isOver = true
    this.#leave()
  }

  /** What the log tells. */
  heard(event: LoggedEvent): void {
    if (!this.#matches(event.data)) return
    this.#queue ??= new Queue()
    // What would give way while older events are replayed can be replayed as well.
    this.#queue.push(event, this.#past === undefined)
    this.#announce()
  }

  /** The round that it asked for. */
  tell(): void {
    const reader = this.#reader
    this.#isDue = false
    this.#reader = undefined
    reader?.ready()
  }

  get #somethingWaits(): boolean {
    return this.#past ? this.#past.isReady : this.#queue !== undefined || this.#isLost
  }

  #announce(): void {
    if (!this.#reader || this.#isDue) return
    this.#isDue = true
    this.#deps.rounds.add(this)
  }

  #lose(): StreamItem {
    this.#isLost = true
    this.#leave()
    return { kind: 'overflow' }
  }

  #leave(): void {
    this.#deps.log.unlisten(this)
    this.#past = undefined
    this.#queue = undefined
    this.#reader = undefined
  }

  /** What happened up to now, until everything later waits in the queue. */
  async *#catchUp(after: number): AsyncGenerator<PastItem> {
    const { log, history } = this.#deps
    for (let from: number | undefined = after; from !== undefined && !this.#isOver; ) {
      // What is released from now on waits in the queue; when it runs over meanwhile, the replay goes on from here.
      this.#queue = undefined
      log.listen(this)
      const upTo = log.released
      // Of another log, such as that of a backup: what is there now came later, as far as anybody can tell.
      if (from > upTo) yield { kind: 'gap', requested: from, firstAvailable: upTo + 1 }
      for await (const item of replay(history, this.types, from, upTo)) {
        if (this.#isOver) return
        const wanted =
          item.kind === 'events' ? { ...item, events: item.events.filter(({ data }) => this.#matches(data)) } : item
        if (wanted.kind !== 'events' || wanted.events.length > 0) yield wanted
      }
      // Written by `heard` meanwhile.
      const queue = this.#queue as Queue | undefined
      from = queue?.overflowed ? upTo : undefined
    }
  }
}
