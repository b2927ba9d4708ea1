import type { Migration } from 'kysely/migration'

export const retention: Migration = {
  async up(db) {
    await db.schema
      .createTable('retention')
      .addColumn('id', 'integer', (column) => column.primaryKey())
      .addColumn('policies_json', 'text', (column) => column.notNull())
      .execute()
  },
}
