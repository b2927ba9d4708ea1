import type { Migration } from 'kysely/migration'

export const tickets: Migration = {
  async up(db) {
    await db.schema
      .createTable('tickets')
      .addColumn('digest', 'text', (column) => column.primaryKey())
      .addColumn('key_id', 'text', (column) => column.notNull())
      .addColumn('secret_tag', 'text', (column) => column.notNull())
      .addColumn('expires_at', 'bigint', (column) => column.notNull())
      .execute()
    await db.schema.createIndex('tickets_expiry').on('tickets').column('expires_at').execute()
  },
}
