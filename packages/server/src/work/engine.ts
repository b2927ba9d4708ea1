import type { Tx } from '../core/context.ts'
import type { HeldItems } from './held-items.ts'
import type { Changed, WorkItem, WorkKind } from './item.ts'
import type { QueueName, WorkStore } from './ports.ts'
import type { Searches } from './searches.ts'
import type { Waiters } from './waiters.ts'

/** What happened to an item, told in the transaction in which it did; without `before` it is new. */
export type Change = Changed | { before: undefined; after: WorkItem }

/** What a room does about changes of its kind, such as events and records of its own; it shares their transaction. */
export type OnChange = (tx: Tx, changes: readonly Change[], now: number) => Promise<void>

/**
 * Locks what a room will change of its own when these items change state; before the engine locks the items, so that who comes
 * from the record to its items and who comes the other way take them in one order: records, lines, items.
 */
export type LockRecords = (tx: Tx, ids: readonly string[]) => Promise<void>

/**
 * Of items whose leases are over, the ids of those that certainly were not begun, as their room knows: these go back, and were
 * no attempt.
 */
export type Unbegun = (tx: Tx, items: readonly WorkItem[]) => Promise<ReadonlySet<string>>

/** What the engine asks of the room whose work it does. */
export interface WorkRoom {
  onChange: OnChange
  /** Where the room has records of its own that several workers change. */
  lockRecords?: LockRecords
  /** Where workers may confirm what they were given before they begin. */
  unbegun?: Unbegun
}

/** Of each kind that there is work of. */
export type WorkRooms = { readonly [Kind in WorkKind]?: WorkRoom }

/** What became ready in a transaction, by queue. */
export type ReadyIn = Map<string, { queue: QueueName; ids: Set<string> }>

export interface EngineDeps {
  store: WorkStore
  now(): number
  /** In [0, 1). */
  random(): number
  waiters: Waiters
  /** What became ready in transactions that are open. */
  ready: WeakMap<Tx, ReadyIn>
  /** What workers of this process hold, as it was committed. */
  held: HeldItems
  searches: Searches
  rooms: WorkRooms
  /** Something is due at this instant, maybe earlier than anything before. */
  onDue(at: number): void
}
