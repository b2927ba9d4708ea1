import type { Migration } from 'kysely/migration'

export const events: Migration = {
  async up(db) {
    await db.schema
      .createTable('events')
      .addColumn('seq', 'bigint', (column) => column.primaryKey())
      .addColumn('type', 'text', (column) => column.notNull())
      .addColumn('at', 'bigint', (column) => column.notNull())
      .addColumn('subject', 'text')
      .addColumn('data_json', 'text', (column) => column.notNull())
      .addColumn('trace_id', 'text', (column) => column.notNull())
      .addColumn('cause_id', 'text')
      .execute()
    await db.schema.createIndex('events_trace').on('events').columns(['trace_id', 'seq']).execute()
    await db.schema.createIndex('events_type').on('events').columns(['type', 'seq']).execute()
    await db.schema.createIndex('events_at').on('events').column('at').execute()
    await db.schema
      .createTable('sequences')
      .addColumn('name', 'text', (column) => column.primaryKey())
      .addColumn('value', 'bigint', (column) => column.notNull())
      .execute()
    const value = (name: string, value: number) => ({ name, value })
    await db
      .insertInto('sequences')
      .values([value('events_next', 1), value('events_trimmed', 0)])
      .execute()
  },
}
