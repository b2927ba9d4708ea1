import type { Tx } from '../core/context.ts'
import type { Loop } from '../core/loop.ts'
import { cancel } from './cancel.ts'
import { claim } from './claim.ts'
import { createElsewhere } from './elsewhere.ts'
import type { EngineDeps, WorkRooms } from './engine.ts'
import { enqueue, type NewWork } from './enqueue.ts'
import { HeldItems } from './held-items.ts'
import { hold } from './hold.ts'
import type { WaitingFor, WorkItem } from './item.ts'
import { lease } from './lease.ts'
import type { Claim, WorkStore } from './ports.ts'
import { type Report, type Reported, report } from './report.ts'
import { Searches } from './searches.ts'
import { createSweeper } from './sweeper.ts'
import { Waiters } from './waiters.ts'

export type { Change, LockRecords, OnChange, WorkRoom } from './engine.ts'
export type { NewWork } from './enqueue.ts'
export type {
  AttemptFault,
  EndState,
  Priority,
  RetryPolicy,
  WaitingFor,
  WorkItem,
  WorkKind,
  WorkState,
} from './item.ts'
export { dueAt, hasEnded, isReady, priorities } from './item.ts'
export type { Claim, Head, Line, QueueName, Turns, WorkStore } from './ports.ts'
export type { Report, Reported } from './report.ts'
export { type AttemptError, cancelConfirmMs } from './transitions.ts'

export interface WorkOptions {
  store: WorkStore
  now(): number
  /** In [0, 1). */
  random?(): number
  /** Looked at when there is something to tell: they may come to be after the engine. */
  rooms: WorkRooms
  onError(cause: unknown): void
}

/** The engine of leased work: each item is done by one worker at a time, as often as its policy says, and ends once. */
export interface Work extends Loop {
  /** See `enqueue`. */
  enqueue(tx: Tx, work: readonly NewWork[]): Promise<WorkItem[]>
  /** See `claim`. */
  claim(tx: Tx, wanted: Claim): Promise<WorkItem[]>
  /** False: as committed there is nothing to claim there. */
  mayHaveReady(queues: Claim['queues']): Promise<boolean>
  /** See `lease`. */
  lease(wanted: Claim, signal: AbortSignal): Promise<WorkItem[]>
  /** Without `tx`: as committed. */
  find(ids: readonly string[], tx?: Tx): Promise<WorkItem[]>
  /** See `report`. */
  report(tx: Tx, reports: readonly Report[]): Promise<Reported[]>
  /** See `cancel`. */
  cancel(tx: Tx, ids: readonly string[], which?: 'all' | 'pending'): Promise<WorkItem[]>
  /** See `hold`. */
  hold(tx: Tx, ids: readonly string[], waitingFor: WaitingFor | null, startBy?: number | null): Promise<WorkItem[]>
  /** Does everything that is due. */
  sweep(): Promise<void>
  /**
   * To be called before anybody can reach this process. Unless another one served meanwhile, workers could say nothing:
   * their leases last as long from now on as if they had just been heard of, and so do attempts. Then does everything
   * else that is due.
   */
  recover(): Promise<void>
}

export function createWork(options: WorkOptions): Work {
  const { store, now, random = Math.random, rooms, onError } = options
  const shared = {
    store,
    now,
    random,
    rooms,
    waiters: new Waiters((queue) => store.announce(queue)),
    ready: new WeakMap(),
    held: new HeldItems(),
    searches: new Searches(),
  }
  const sweeper = createSweeper(shared, onError)
  const deps: EngineDeps = { ...shared, onDue: sweeper.expect }
  const elsewhere = createElsewhere(deps, onError)
  return {
    enqueue: (tx, work) => enqueue(deps, tx, work),
    claim: (tx, wanted) => claim(deps, tx, wanted),
    mayHaveReady: (queues) => deps.store.mayHaveReady(queues),
    lease: (wanted, signal) => lease(deps, wanted, signal),
    find: (ids, tx) => store.find(ids, tx),
    report: (tx, reports) => report(deps, tx, reports),
    cancel: (tx, ids, which) => cancel(deps, tx, ids, which),
    hold: (tx, ids, waitingFor, startBy) => hold(deps, tx, ids, waitingFor, startBy),
    sweep: sweeper.sweep,
    async recover() {
      if (!(await store.isServedElsewhere())) await store.renewAll(now())
      await sweeper.sweep()
      store.serve()
    },
    start() {
      sweeper.start()
      elsewhere.start()
    },
    async stop() {
      await Promise.all([sweeper.stop(), elsewhere.stop()])
    },
  }
}
