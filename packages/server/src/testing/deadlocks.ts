import { sql } from 'kysely'
import type { StateEngine } from '../storage/state/index.ts'
import { within } from '../storage/state/transaction.ts'

/** How many deadlocks PostgreSQL had to end, once each connection of these, so many in each, has told what it counted. */
export async function deadlocks(states: readonly StateEngine[], connectionsMax: number): Promise<number> {
  await Promise.all(states.map((state) => flushed(state, connectionsMax)))
  const { rows } = await sql<{ deadlocks: number }>`select deadlocks from pg_stat_database
    where datname = current_database()`.execute(states[0]!.reads)
  return Number(rows[0]!.deadlocks)
}

async function flushed(state: StateEngine, connectionsMax: number): Promise<void> {
  const met = Promise.withResolvers<void>()
  let arrived = 0
  const flush = () =>
    state.write(async (tx) => {
      await sql`select pg_stat_force_next_flush()`.execute(within(tx))
      if (++arrived === connectionsMax) met.resolve()
      await met.promise
    })
  await Promise.all(Array.from({ length: connectionsMax }, flush))
}

/** Whether a transaction waits for another one. */
export async function isWaiting({ reads }: StateEngine): Promise<boolean> {
  const waiting = sql`select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
  return (await waiting.execute(reads)).rows.length > 0
}
