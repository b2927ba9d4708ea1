import type { Tx } from '../core/context.ts'
import type { Priority, WorkItem, WorkKind } from './item.ts'

/** Where a worker looks for work. */
export interface QueueName {
  kind: WorkKind
  queue: string
}

export interface WorkStore {
  write<T>(fn: (tx: Tx) => Promise<T>): Promise<T>
  afterCommit(tx: Tx, fn: () => void): void
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
  /**
   * Gives items that are still ready to a worker, in one statement: one attempt more, under a lease of its own. Returns
   * those that were.
   */
  take(tx: Tx, ids: readonly string[], claim: { now: number; worker: string; leaseToken: string }): Promise<WorkItem[]>
  /** The lowest place among those that wait in a queue, and the highest of a key; undefined: none waits. */
  turns(tx: Tx, queue: QueueName, fairKey: string): Promise<{ lowest: number | undefined; last: number | undefined }>
  /** Items of a priority that a worker may take, by their turns. */
  ready(tx: Tx, queue: QueueName, priority: Priority, limit: number): Promise<WorkItem[]>
  /** The first that waits behind others of its ordering key. */
  firstBlocked(tx: Tx, item: Pick<WorkItem, 'kind' | 'queue' | 'orderingKey'>): Promise<WorkItem | undefined>
  /** Whether an item of the ordering key is pending or running. */
  hasLive(tx: Tx, item: Pick<WorkItem, 'kind' | 'queue' | 'orderingKey'>): Promise<boolean>
  /** Items that the sweeper has to look at, the longest due first. */
  due(now: number, limit: number): Promise<WorkItem[]>
  /** When the next item is due; undefined: none is. */
  nextDue(): Promise<number | undefined>
}
