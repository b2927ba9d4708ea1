import type { Tx } from '../core/context.ts'
import type { WorkItem, WorkKind } from './item.ts'

/** Where a worker looks for work. */
export interface QueueName {
  kind: WorkKind
  queue: string
}

/** An item that was given to a worker. */
export interface Taken {
  before: WorkItem
  after: WorkItem
}

/** What decides when an item has its turn. */
export type Head = Pick<WorkItem, 'id' | 'priority' | 'createdAt' | 'turn' | 'seq'>

export interface WorkStore {
  write<T>(fn: (tx: Tx) => Promise<T>): Promise<T>
  /** Runs `fn` in the transaction, once all that was asked of it is done. */
  beforeCommit(tx: Tx, fn: () => Promise<void>): void
  /** Runs `fn` once the transaction is over, before its caller hears of it. */
  afterEnd(tx: Tx, fn: (committed: boolean) => void): void
  /** Lets one transaction at a time change what runs under an ordering key. */
  lockOrder(tx: Tx, item: Pick<WorkItem, 'kind' | 'queue' | 'orderingKey'>): Promise<void>
  insert(tx: Tx, items: readonly WorkItem[]): Promise<void>
  /** Without `tx`: as committed. */
  find(ids: readonly string[], tx?: Tx): Promise<WorkItem[]>
  /**
   * Writes what may change of items that still are as they were read, by their versions. Returns the ids of those that
   * were; somebody else was faster with the others.
   */
  replace(tx: Tx, items: readonly WorkItem[]): Promise<ReadonlySet<string>>
  /** How many items others may be about to take at the same moment; 0: there is one writer at a time. */
  readonly contended: number
  /** By queue and priority, the first that a worker may take, by their turns: lines of at most `limit`. */
  heads(tx: Tx, queues: readonly QueueName[], limit: number): Promise<Head[][]>
  /**
   * The first `max` of these that are still ready and that nobody else is about to take, in the order of `ids`; nobody else
   * can change them before the transaction ends.
   */
  lockReady(tx: Tx, ids: readonly string[], max: number): Promise<WorkItem[]>
  /**
   * The lowest place among those of a queue that a worker may take, and the highest of a key that waits in it; undefined:
   * there is none.
   */
  turns(tx: Tx, queue: QueueName, fairKey: string): Promise<{ lowest: number | undefined; last: number | undefined }>
  /** The first that waits behind others of its ordering key. */
  firstBlocked(tx: Tx, item: Pick<WorkItem, 'kind' | 'queue' | 'orderingKey'>): Promise<WorkItem | undefined>
  /** Whether an item of the ordering key is pending and not held, or running. */
  hasLive(tx: Tx, item: Pick<WorkItem, 'kind' | 'queue' | 'orderingKey'>): Promise<boolean>
  /** Items that the sweeper has to look at, the longest due first. */
  due(now: number, limit: number): Promise<WorkItem[]>
  /** When the next item is due; undefined: none is. */
  nextDue(): Promise<number | undefined>
}
