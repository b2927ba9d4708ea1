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

export interface Subscription extends AsyncIterable<StreamItem> {
  /** Where it begins: who comes back with this has missed nothing. */
  readonly cursor: number
  /** Whether a cursor was given, and everything after it is there. */
  readonly recovered: boolean
  /** The number up to which everything has been taken by the reader; undefined while something waits for it. */
  position(): number | undefined
}

const pageSize = 500

/**
 * Replays what happened after a cursor, then goes on with what happens, with neither a gap nor a repetition in between;
 * without a cursor, from this very moment. Ends when the signal is aborted. What a slow reader has not taken is bounded:
 * frames give way to newer ones of their device, everything else ends it with `overflow`, to be resumed from the last
 * event that was read.
 */
export async function subscribe(log: EventLog, history: History, options: SubscriptionOptions): Promise<Subscription> {
  const { types, after, signal } = options
  const queue = new Queue(options)
  const leave = () => {
    log.unlisten(queue)
    queue.wake()
  }
  signal.addEventListener('abort', leave, { once: true })
  const reading = {
    [Symbol.asyncIterator]: () => read(log, history, queue, options),
    position: () => (queue.isAwaited ? log.released : undefined),
  }
  if (after === undefined) {
    if (!signal.aborted) log.listen(queue)
    return { ...reading, cursor: log.released, recovered: false }
  }
  const gone = after === earliest ? after : await history.goneUpTo(types)
  return { ...reading, cursor: Math.max(after, 0), recovered: gone <= after && after <= log.released }
}

async function* read(
  log: EventLog,
  history: History,
  queue: Queue,
  { after, ...options }: SubscriptionOptions,
): AsyncGenerator<StreamItem> {
  try {
    if (after !== undefined) yield* catchUp(log, history, queue, { ...options, after })
    yield* follow(queue, options.signal)
  } finally {
    log.unlisten(queue)
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

async function* follow(queue: Queue, signal: AbortSignal): AsyncGenerator<StreamItem> {
  queue.coalesces = true
  while (!signal.aborted) {
    const events = queue.take()
    if (events.length > 0) yield { kind: 'events', events }
    else if (queue.overflowed) {
      yield { kind: 'overflow' }
      return
    } else await queue.filled()
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
