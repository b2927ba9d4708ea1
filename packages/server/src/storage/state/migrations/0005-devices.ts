import { PostgresAdapter, sql } from 'kysely'
import type { Migration } from 'kysely/migration'

export const devices: Migration = {
  async up(db) {
    // In the order of their bytes, as everywhere in SQLite, whatever the collation of the database.
    const id = db.getExecutor().adapter instanceof PostgresAdapter ? sql`text collate "C"` : 'text'
    await db.schema
      .createTable('devices')
      .addColumn('device_id', id, (column) => column.primaryKey())
      .addColumn('name', 'text')
      .addColumn('status', 'text', (column) => column.notNull())
      .addColumn('frame_tags_json', 'text', (column) => column.notNull())
      .addColumn('tags_at', 'bigint', (column) => column.notNull())
      .addColumn('own_tags_json', 'text', (column) => column.notNull())
      .addColumn('metadata_json', 'text', (column) => column.notNull())
      .addColumn('registered_at', 'bigint', (column) => column.notNull())
      .addColumn('last_seen_at', 'bigint')
      .addColumn('deleted_at', 'bigint')
      .execute()
    await db.schema.createIndex('devices_status').on('devices').columns(['status', 'device_id']).execute()
    await db.schema
      .createTable('device_tags')
      .addColumn('device_id', id, (column) => column.notNull())
      .addColumn('key', 'text', (column) => column.notNull())
      .addColumn('value', 'text', (column) => column.notNull())
      .addPrimaryKeyConstraint('device_tags_device', ['device_id', 'key'])
      .execute()
    // Of a long value its head: PostgreSQL takes no entry of more than 2,704 bytes.
    await db.schema
      .createIndex('device_tags_value')
      .on('device_tags')
      .column('key')
      .expression(sql`substr(value, 1, 128)`)
      .execute()
  },
}
