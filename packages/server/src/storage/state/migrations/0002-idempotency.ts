import type { Migration } from 'kysely/migration'

export const idempotency: Migration = {
  async up(db) {
    await db.schema
      .createTable('idempotency')
      .addColumn('key_id', 'text', (column) => column.notNull())
      .addColumn('operation', 'text', (column) => column.notNull())
      .addColumn('value', 'text', (column) => column.notNull())
      .addColumn('body_hash', 'text', (column) => column.notNull())
      .addColumn('answer', 'text', (column) => column.notNull())
      .addColumn('expires_at', 'bigint', (column) => column.notNull())
      .addPrimaryKeyConstraint('idempotency_call', ['key_id', 'operation', 'value'])
      .execute()
    await db.schema.createIndex('idempotency_expiry').on('idempotency').column('expires_at').execute()
  },
}
