import type { Kysely } from 'kysely'
import type { Tx } from '../../core/context.ts'
import type { Signals } from './signals.ts'
import type { StateTables } from './tables.ts'

/** Where state is kept. SQLite has one writer at a time, PostgreSQL many; rooms see no difference. */
export interface StateEngine {
  readonly kind: 'sqlite' | 'postgres'
  /**
   * Runs `fn` in a transaction, and resolves once it is durable; a throw undoes everything that `fn` wrote. `fn` may run
   * more than once (after a deadlock), so it awaits nothing but state queries. A `write` inside a `write` never ends.
   * Errors: SERVICE_UNAVAILABLE (`state_queue_full`, `state_contention`, `state_exhausted`, `state_unreachable`,
   * `state_commit_failed`, `state_closed`).
   */
  write<T>(fn: (tx: Tx) => Promise<T>): Promise<T>
  /**
   * Runs a statement in the engine's own SQL, prepared once and kept: for the few that run with every item, where
   * making a query costs more than the query. `?` or `?1` in SQLite, `$1` in PostgreSQL. Their texts are few. Without
   * `tx`: over committed state.
   */
  run<Row>(tx: Tx | undefined, text: string, parameters: readonly unknown[]): Promise<Row[]>
  /**
   * The same for a statement that returns no rows; resolves with how many it changed. In SQLite `returning` takes
   * several times as long: each such statement keeps what it may have to undo alone.
   */
  change(tx: Tx, text: string, parameters: readonly unknown[]): Promise<number>
  /**
   * The same for a statement of whose answer nobody makes use: in PostgreSQL it travels with the statement that comes
   * next, or with the commit, and takes no way of its own. If it fails, so does that one, and so the transaction.
   */
  send(tx: Tx, text: string, parameters: readonly unknown[]): Promise<void>
  /** Queries over committed state; what an open transaction wrote is not seen. */
  readonly reads: Kysely<StateTables>
  /**
   * Lets one transaction at a time past this point, for a rule over many rows that no conditional update can hold ("at
   * least one admin key remains"). Released when the transaction ends.
   */
  exclusive(tx: Tx, rule: string): Promise<void>
  /**
   * The same for each of some keys, of which there are as many as there are things: keys share a bounded number of
   * locks, so that one may wait for another that has nothing to do with it. Who asks once, or first for less, never
   * waits in a circle; who asks for more later may be run again.
   */
  exclusiveEach(tx: Tx, keys: readonly string[]): Promise<void>
  /** To and from other processes over this state. */
  readonly signals: Signals
  /** Finishes the writes that are queued, then closes; later writes are refused. */
  close(): Promise<void>
}

export const waitingWritesMax = 10_000
