import type { Migration } from 'kysely/migration'

export const keys: Migration = {
  async up(db) {
    await db.schema
      .createTable('data_keys')
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('wrapped', 'text', (column) => column.notNull())
      .addColumn('created_at', 'bigint', (column) => column.notNull())
      .execute()
    await db.schema
      .createTable('api_keys')
      .addColumn('key_id', 'text', (column) => column.primaryKey())
      .addColumn('prefix', 'text', (column) => column.notNull())
      .addColumn('hash', 'text', (column) => column.notNull())
      .addColumn('tag', 'text', (column) => column.notNull())
      .addColumn('previous_hash', 'text')
      .addColumn('previous_tag', 'text')
      .addColumn('previous_until', 'bigint')
      .addColumn('name', 'text', (column) => column.notNull())
      .addColumn('scopes_json', 'text', (column) => column.notNull())
      .addColumn('device_id', 'text')
      .addColumn('agent_id', 'text')
      .addColumn('allowed_cidrs_json', 'text', (column) => column.notNull())
      .addColumn('rate_limits_json', 'text', (column) => column.notNull())
      .addColumn('created_at', 'bigint', (column) => column.notNull())
      .addColumn('expires_at', 'bigint')
      .addColumn('last_used_at', 'bigint')
      .addColumn('revoked_at', 'bigint')
      .execute()
    await db.schema.createIndex('api_keys_newest').on('api_keys').columns(['created_at', 'key_id']).execute()
  },
}
