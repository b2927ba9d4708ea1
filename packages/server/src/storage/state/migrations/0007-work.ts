import { type Kysely, sql } from 'kysely'
import type { Migration } from 'kysely/migration'

export const work: Migration = {
  async up(db) {
    await db.schema
      .createTable('work')
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('kind', 'text', (column) => column.notNull())
      .addColumn('queue', 'text', (column) => column.notNull())
      .addColumn('priority', 'integer', (column) => column.notNull())
      .addColumn('fair_key', 'text', (column) => column.notNull())
      .addColumn('ordering_key', 'text')
      .addColumn('retry_json', 'text', (column) => column.notNull())
      .addColumn('lease_ms', 'bigint', (column) => column.notNull())
      .addColumn('attempt_ms', 'bigint')
      .addColumn('start_by', 'bigint')
      .addColumn('created_at', 'bigint', (column) => column.notNull())
      .addColumn('trace_id', 'text', (column) => column.notNull())
      .addColumn('cause_id', 'text')
      .addColumn('seq', 'bigint', (column) => column.notNull())
      .addColumn('version', 'integer', (column) => column.notNull())
      .addColumn('state', 'text', (column) => column.notNull())
      .addColumn('ready', 'integer', (column) => column.notNull())
      .addColumn('turn', 'bigint', (column) => column.notNull())
      .addColumn('attempt', 'integer', (column) => column.notNull())
      .addColumn('not_before', 'bigint')
      .addColumn('waiting_for_json', 'text')
      .addColumn('blocked', 'integer', (column) => column.notNull())
      .addColumn('worker', 'text')
      .addColumn('lease_token', 'text')
      .addColumn('lease_expires_at', 'bigint')
      .addColumn('deadline', 'bigint')
      .addColumn('started_at', 'bigint')
      .addColumn('cancel_requested_at', 'bigint')
      .addColumn('cancel_by', 'bigint')
      .addColumn('ended_at', 'bigint')
      .addColumn('status_reason', 'text')
      .addColumn('due_at', 'bigint')
      .execute()
    await indexes(db)
  },
}

/** Only of what is live: what has ended is many times as much. */
async function indexes(db: Kysely<unknown>): Promise<void> {
  await sql`create index work_ready on work (kind, queue, priority, turn, seq) where ready = 1`.execute(db)
  await sql`create index work_turns on work (kind, queue, fair_key, turn) where state = 'pending'`.execute(db)
  await sql`create index work_order on work (kind, queue, ordering_key, seq)
    where ordering_key is not null and ended_at is null`.execute(db)
  await sql`create index work_due on work (due_at) where due_at is not null`.execute(db)
}
