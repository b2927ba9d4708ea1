import type { EventData, EventType } from '@nexus/contract'
import type { Tx, WriteCtx } from '../core/context.ts'

/** Something that happened. The sequence orders everything, frames and durable events alike. */
export interface LoggedEvent {
  readonly seq: number
  readonly type: EventType
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly subject: string | null
  readonly data: object
  readonly traceId: string
  readonly causeId: string | null
}

/** In which transaction something is told, and to which causal chain it belongs: a verb's context, or a loop's own. */
export type PublishCtx = Pick<WriteCtx, 'tx' | 'traceId'>

/** What a room tells of what it did. */
export type NewEvent = { [T in EventType]: NewEventOf<T> }[EventType]

interface NewEventOf<T extends EventType> {
  type: T
  subject: string | null
  data: EventData<T>
  /** The id of the event that led to it. */
  causeId?: string | null
  /** Unless given, that of the context. */
  traceId?: string
}

/** Which events of the store are read: (after, upTo], in order. */
export interface EventRange {
  after: number
  upTo: number
  types: readonly EventType[]
  limit: number
  /** Those of this causal chain alone. */
  traceId?: string
}

/** The events of a range from its beginning. */
export interface EventPage {
  events: LoggedEvent[]
  /** Up to here all are there. */
  upTo: number
}

/** The durable events. */
export interface EventStore {
  /** How many pages may be read at one time: one, where reading them is what takes the time of the event loop. */
  readonly readsAtOnce: number
  /** Takes the next `count` numbers for this process alone, over restarts; returns the first. */
  reserve(count: number): Promise<number>
  append(tx: Tx, ...events: readonly LoggedEvent[]): Promise<void>
  /** As committed: as many as have 256 KiB in all, and always the first. */
  read(range: EventRange): Promise<EventPage>
  /** Without `tx`: as committed. */
  find(seq: number, tx?: Tx): Promise<LoggedEvent | undefined>
  /** The number of the first event at this time or later. */
  firstSince(at: number): Promise<number | undefined>
  /** The highest number that was ever trimmed; 0: none. */
  trimmedUpTo(): Promise<number>
  /** Forgets some events that are older than `before`, or beyond the newest `keep`; true: there may be more. */
  trim(before: number, keep: number): Promise<boolean>
  /** Runs `fn` when the transaction has ended, and tells whether it is durable. */
  afterEnd(tx: Tx, fn: (committed: boolean) => void): void
}
