import { sql } from 'kysely'
import type { Migration } from 'kysely/migration'

/**
 * Of runs that were forgotten nobody knows any more who made them: they count. Those that failed as they were made have no
 * work, and never counted.
 */
export const ownRuns: Migration = {
  async up(db) {
    await db.schema
      .alterTable('tasks')
      .addColumn('own_runs', 'bigint', (column) => column.notNull().defaultTo(0))
      .execute()
    await sql`update tasks set own_runs = runs_made - (
      select count(*) from task_runs where task_runs.task_id = tasks.task_id
        and cause in ('manual', 'backfill') and task_runs.status not in ('skipped', 'missed')
        and exists (select 1 from work where work.id = task_runs.run_id))`.execute(db)
  },
}
