import type { EventType } from '@nexus/contract'
import type { EventLog } from './event-log.ts'
import type { History } from './history.ts'
import type { LoggedEvent } from './ports.ts'
import { Queue } from './queue.ts'
import { earliest } from './shown.ts'
import type { StreamStart } from './stream-start.ts'

export interface SubscriptionOptions extends StreamStart {
  signal: AbortSignal
}

/** What a subscriber gets: events in their order; what was lost before the next; that it was too slow, and then the end. */
export type StreamItem =
  | { kind: 'events'; events: readonly LoggedEvent[] }
  | { kind: 'gap'; requested: number; firstAvailable: number }
  | { kind: 'overflow' }

const pageSize = 500

/**
 * Replays what happened after a cursor, then goes on with what happens, with neither a gap nor a repetition in between;
 * without a cursor, from this very moment. Ends when the signal is aborted. What a slow reader has not taken is bounded:
 * frames give way to newer ones of their device, everything else ends it with `overflow`, to be resumed from the last
 * event that was read.
 */
export async function subscribe(log: EventLog, history: History, options: SubscriptionOptions): Promise<Subscription> {
  const { types, after } = options
  if (after === undefined) return new Subscription(log, history, options, { cursor: log.released, recovered: false })
  const gone = after === earliest ? after : await history.goneUpTo(types)
  const recovered = gone <= after && after <= log.released
  return new Subscription(log, history, options, { cursor: Math.max(after, 0), recovered })
}

/** An iterator by hand, for there are many: nested generators would take a kilobyte each. */
export class Subscription implements AsyncIterable<StreamItem>, AsyncIterator<StreamItem, undefined> {
  /** Where it begins: who comes back with this has missed nothing. */
  readonly cursor: number
  /** Whether a cursor was given, and everything after it is there. */
  readonly recovered: boolean
  readonly #log: EventLog
  readonly #queue: Queue
  readonly #signal: AbortSignal
  #past: AsyncGenerator<StreamItem> | undefined
  #isOver = false

  constructor(
    log: EventLog,
    history: History,
    { after, ...options }: SubscriptionOptions,
    { cursor, recovered }: Pick<Subscription, 'cursor' | 'recovered'>,
  ) {
    this.cursor = cursor
    this.recovered = recovered
    this.#log = log
    this.#queue = new Queue(options)
    this.#signal = options.signal
    if (this.#signal.aborted) return
    this.#signal.addEventListener('abort', () => this.#leave(), { once: true })
    if (after === undefined) log.listen(this.#queue)
    else this.#past = catchUp(log, history, this.#queue, { ...options, after })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** The number up to which everything has been taken by the reader; undefined while something waits for it. */
  position(): number | undefined {
    return this.#queue.isAwaited ? this.#log.released : undefined
  }

  async next(): Promise<IteratorResult<StreamItem, undefined>> {
    if (this.#past) {
      const item = await this.#past.next()
      if (!item.done) return item
      this.#past = undefined
    }
    this.#queue.coalesces = true
    while (!this.#isOver && !this.#signal.aborted) {
      const events = this.#queue.take()
      if (events.length > 0) return { done: false, value: { kind: 'events', events } }
      if (this.#queue.overflowed) {
        this.#isOver = true
        return { done: false, value: { kind: 'overflow' } }
      }
      await this.#queue.filled()
    }
    return this.return()
  }

  /** Whoever reads no more says so, or aborts the signal. */
  async return(): Promise<IteratorResult<StreamItem, undefined>> {
    this.#leave()
    await this.#past?.return(undefined)
    return { done: true, value: undefined }
  }

  #leave(): void {
    this.#isOver = true
    this.#log.unlisten(this.#queue)
    this.#queue.wake()
  }
}

type Resumed = SubscriptionOptions & { after: number }

/** What happened up to now, until everything later waits in the queue. */
async function* catchUp(
  log: EventLog,
  history: History,
  queue: Queue,
  { types, matches, after, signal }: Resumed,
): AsyncGenerator<StreamItem> {
  for (let from: number | undefined = after; from !== undefined && !signal.aborted; ) {
    // What is released from now on waits in the queue; when it runs over meanwhile, the replay goes on from here.
    queue.clear()
    log.listen(queue)
    const upTo = log.released
    // Of another log, such as that of a backup: what is there now came later, as far as anybody can tell.
    if (from > upTo) yield { kind: 'gap', requested: from, firstAvailable: upTo + 1 }
    for await (const item of replay(history, types, from, upTo)) {
      if (signal.aborted) return
      const wanted =
        item.kind === 'events' ? { ...item, events: item.events.filter(({ data }) => matches(data)) } : item
      if (wanted.kind !== 'events' || wanted.events.length > 0) yield wanted
    }
    from = queue.overflowed ? upTo : undefined
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
    yield { kind: 'events', events }
    if (events.length < pageSize) return
    from = events.at(-1)!.seq
  }
}
