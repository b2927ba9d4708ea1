import type { Migration } from 'kysely/migration'
import { serial } from './column-types.ts'

/** Events on their way to many tasks. */
export const taskFanOuts: Migration = {
  async up(db) {
    await db.schema
      .createTable('task_fan_outs')
      .addColumn('fan_out_id', serial(db), (column) => column.primaryKey())
      .addColumn('event_id', 'text', (column) => column.notNull())
      .addColumn('type', 'text', (column) => column.notNull())
      .addColumn('data', 'text', (column) => column.notNull())
      .addColumn('at', 'bigint', (column) => column.notNull())
      .addColumn('trace_id', 'text', (column) => column.notNull())
      .addColumn('after_task', 'text')
      .execute()
    for (const column of ['deaf_from', 'deaf_to'])
      await db.schema.alterTable('tasks').addColumn(column, 'bigint').execute()
  },
}
