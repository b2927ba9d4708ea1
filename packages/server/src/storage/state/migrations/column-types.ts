import { type Kysely, PostgresAdapter, sql } from 'kysely'

/** In the order of their bytes, as everywhere in SQLite, whatever the collation of the database. */
export function bytewise(db: Kysely<unknown>) {
  return db.getExecutor().adapter instanceof PostgresAdapter ? sql`text collate "C"` : 'text'
}

/** A number that the engine counts up. */
export function serial(db: Kysely<unknown>) {
  return db.getExecutor().adapter instanceof PostgresAdapter ? 'bigserial' : 'integer'
}
