import type { Tx } from '../core/context.ts'
import type { WorkItem, WorkKind } from './item.ts'

/** Where a worker looks for work. */
export interface QueueName {
  kind: WorkKind
  queue: string
}

/** What a worker asks for. */
export interface Claim {
  queues: readonly QueueName[]
  worker: string
  max: number
  /** What the lease token begins with, by which the worker can name a claim whose outcome it never heard of. */
  mark?: string | undefined
}

/** Where items of one ordering key of a queue stand behind one another. */
export type Line = Pick<WorkItem, 'kind' | 'queue' | 'orderingKey'>

/** What decides when an item has its turn. */
export type Head = Pick<WorkItem, 'id' | 'priority' | 'createdAt' | 'turn' | 'seq'>

export interface Turns {
  lowest: number | undefined
  last: number | undefined
}

export interface WorkStore {
  write<T>(fn: (tx: Tx) => Promise<T>): Promise<T>
  /** Runs `fn` in the transaction, once all that was asked of it is done. */
  beforeCommit(tx: Tx, fn: () => Promise<void>): void
  /** Runs `fn` once the transaction is over, before its caller hears of it. */
  afterEnd(tx: Tx, fn: (committed: boolean) => void): void
  /**
   * Lets one transaction at a time change who stands where in these lines. Taken before items are written, so that
   * nobody waits in a circle.
   */
  lockLines(tx: Tx, lines: readonly Line[]): Promise<void>
  insert(tx: Tx, items: readonly WorkItem[]): Promise<void>
  /** Without `tx`: as committed. */
  find(ids: readonly string[], tx?: Tx): Promise<WorkItem[]>
  /**
   * Writes what may change of items that still are as they were read, by their versions. Returns the ids of those that
   * were; somebody else was faster with the others.
   */
  replace(tx: Tx, items: readonly WorkItem[]): Promise<ReadonlySet<string>>
  /** Every lease lasts its full time from `now` on, and the attempt no less than that. */
  renewAll(now: number): Promise<void>
  /** False: as committed nothing is ready in these queues. True where it costs as much to ask as to look. */
  mayHaveReady(queues: readonly QueueName[]): Promise<boolean>
  /** This process gives out work from now on. */
  serve(): void
  /** Whether another process over this state gives out work. */
  isServedElsewhere(): Promise<boolean>
  /** Tells other processes over this state that something is ready in this queue that nobody waits for here. It may be lost. */
  announce(queue: QueueName): void
  /** `fn` is told what others announce. */
  onAnnounced(fn: (queues: readonly QueueName[]) => void): void
  /** Those of these queues that have something ready, as committed; left out: there is no other process over this state. */
  readyAmong?(queues: readonly QueueName[]): Promise<QueueName[]>
  /** How many items others may be about to take at the same moment; 0: there is one writer at a time. */
  readonly contended: number
  /** Whether what is under way at one time is committed together. */
  readonly commitsTogether: boolean
  /** By queue and priority, the first that a worker may take at this instant, by their turns: lines of at most `limit`. */
  heads(tx: Tx, queues: readonly QueueName[], limit: number, now: number): Promise<Head[][]>
  /**
   * The first `max` of these that are still ready and that nobody else is about to take, in the order of `ids`; nobody else
   * can change them before the transaction ends.
   */
  lockReady(tx: Tx, ids: readonly string[], max: number): Promise<WorkItem[]>
  /**
   * Of each, in their order: the lowest place among those of the queue that a worker may take, and the highest of the key that
   * waits in it; undefined: there is none.
   */
  turns(tx: Tx, asked: readonly (QueueName & { fairKey: string })[]): Promise<Turns[]>
  /** Of each line the first that waits behind others, if there is one. */
  firstBlocked(tx: Tx, lines: readonly Line[]): Promise<WorkItem[]>
  /** Of each line, in their order, whether an item of it is pending and not held, or running. */
  haveLive(tx: Tx, lines: readonly Line[]): Promise<boolean[]>
  /** Items that the sweeper has to look at, the longest due first. */
  due(now: number, limit: number): Promise<WorkItem[]>
  /** When the next item is due; undefined: none is. */
  nextDue(): Promise<number | undefined>
}
