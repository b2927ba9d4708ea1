import { type Kysely, sql } from 'kysely'
import type { Migration } from 'kysely/migration'

export const webhooks: Migration = {
  async up(db) {
    await db.schema
      .createTable('webhook_secrets')
      .addColumn('key_id', 'text', (column) => column.primaryKey())
      .addColumn('secret', 'text', (column) => column.notNull())
      .addColumn('created_at', 'bigint', (column) => column.notNull())
      .addColumn('previous_secret', 'text')
      .addColumn('previous_until', 'bigint')
      .execute()
    await db.schema
      .createTable('webhook_deliveries')
      .addColumn('delivery_id', 'text', (column) => column.primaryKey())
      .addColumn('key_id', 'text', (column) => column.notNull())
      .addColumn('event_id', 'text', (column) => column.notNull())
      .addColumn('type', 'text', (column) => column.notNull())
      .addColumn('url', 'text', (column) => column.notNull())
      .addColumn('host', 'text', (column) => column.notNull())
      .addColumn('target', 'text', (column) => column.notNull())
      .addColumn('body', 'text')
      .addColumn('trace_id', 'text', (column) => column.notNull())
      .addColumn('attempts_max', 'integer', (column) => column.notNull())
      .addColumn('created_at', 'bigint', (column) => column.notNull())
      .addColumn('status', 'text', (column) => column.notNull())
      .addColumn('attempts', 'integer', (column) => column.notNull())
      .addColumn('due_at', 'bigint')
      .addColumn('lease_token', 'text')
      .addColumn('last_attempt_at', 'bigint')
      .addColumn('ended_at', 'bigint')
      .addColumn('status_code', 'integer')
      .addColumn('error', 'text')
      .addColumn('response', 'text')
      .execute()
    await indexes(db)
  },
}

async function indexes(db: Kysely<unknown>): Promise<void> {
  await sql`create index webhooks_due on webhook_deliveries (due_at, host) where due_at is not null`.execute(db)
  await sql`create index webhooks_leased on webhook_deliveries (lease_token) where lease_token is not null`.execute(db)
  await sql`create index webhooks_waiting on webhook_deliveries (key_id, target) where ended_at is null`.execute(db)
  await sql`create index webhooks_ended on webhook_deliveries (ended_at) where ended_at is not null`.execute(db)
  await sql`create index webhooks_of_key on webhook_deliveries (key_id, created_at, delivery_id)`.execute(db)
  await sql`create index webhooks_newest on webhook_deliveries (created_at, delivery_id)`.execute(db)
}
