import { crc32 } from 'node:zlib'
import { type Kysely, sql } from 'kysely'
import type { Tx } from '../../core/context.ts'
import type { StateTables } from './tables.ts'
import { afterEnd, within } from './transaction.ts'

/** As many locks as all transactions together can hold; a stock PostgreSQL has room for 6400 (`max_locks_per_transaction`). */
const stripesMax = 1024
/** Apart from locks by one number, such as those of `exclusive`. */
const space = 20_251
/** How long is waited for what others may hold who wait in turn: less than it takes PostgreSQL to look for a deadlock (1 s). */
const outOfOrderMs = 100

/**
 * Locks for things of which there are any number, held until the transaction ends: each thing falls to one of some
 * stripes. Stripes are taken in the order of their numbers. One before those that are held already is waited for only
 * briefly; then the transaction fails with 55P03 (lock_not_available), and is to be run again.
 */
export class LockStripes {
  readonly #held = new WeakMap<Tx, Set<number>>()

  async take(tx: Tx, keys: readonly string[]): Promise<void> {
    const held = this.#held.get(tx) ?? this.#begin(tx)
    const wanted = [...new Set(keys.map(stripeOf))].filter((stripe) => !held.has(stripe)).sort((a, b) => a - b)
    if (wanted.length === 0) return
    const isInOrder = wanted[0]! > Math.max(-1, ...held)
    for (const stripe of wanted) held.add(stripe)
    if (isInOrder) await lockAll(within(tx), wanted)
    else await lockBriefly(within(tx), wanted)
  }

  #begin(tx: Tx): Set<number> {
    const held = new Set<number>()
    this.#held.set(tx, held)
    afterEnd(tx, () => this.#held.delete(tx))
    return held
  }
}

function stripeOf(key: string): number {
  return crc32(key) % stripesMax
}

async function lockAll(db: Kysely<StateTables>, stripes: readonly number[]): Promise<void> {
  await sql`select pg_advisory_xact_lock(${space}, stripe::integer)
    from json_array_elements_text(${JSON.stringify(stripes)}) as stripe`.execute(db)
}

async function lockBriefly(db: Kysely<StateTables>, stripes: readonly number[]): Promise<void> {
  await sql`select set_config('lock_timeout', ${`${outOfOrderMs}ms`}, true)`.execute(db)
  await lockAll(db, stripes)
  await sql`set local lock_timeout to default`.execute(db)
}
