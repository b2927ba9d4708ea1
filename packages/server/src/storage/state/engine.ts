import type { Kysely } from 'kysely'
import type { Tx } from '../../core/context.ts'
import type { StateTables } from './tables.ts'

/** Where state is kept. SQLite has one writer at a time, PostgreSQL many; rooms see no difference. */
export interface StateEngine {
  readonly kind: 'sqlite' | 'postgres'
  /**
   * Runs `fn` in a transaction, and resolves once it is durable; a throw undoes everything that `fn` wrote. `fn` may run
   * more than once (after a deadlock), so it awaits nothing but state queries. A `write` inside a `write` never ends.
   * Errors: SERVICE_UNAVAILABLE (`state_queue_full`, `state_contention`, `state_unreachable`, `state_closed`).
   */
  write<T>(fn: (tx: Tx) => Promise<T>): Promise<T>
  /**
   * Runs a statement in the engine's own SQL, prepared once and kept: for the few that run with every item, where making a
   * query costs more than the query. `?` or `?1` in SQLite, `$1` in PostgreSQL. Their texts are few. Without `tx`: over committed
   * state.
   */
  run<Row>(tx: Tx | undefined, text: string, parameters: readonly unknown[]): Promise<Row[]>
  /** Queries over committed state; what an open transaction wrote is not seen. */
  readonly reads: Kysely<StateTables>
  /**
   * Lets one transaction at a time past this point, for a rule over many rows that no conditional update can hold ("at
   * least one admin key remains"). Released when the transaction ends.
   */
  exclusive(tx: Tx, rule: string): Promise<void>
  /** Finishes the writes that are queued, then closes; later writes are refused. */
  close(): Promise<void>
}

export const waitingWritesMax = 10_000
