import { sql } from 'kysely'
import type { Migration } from 'kysely/migration'

/** Runs are held by what they wait for. What was held before is looked at as what comes from a pause, and finds its place. */
export const heldRuns: Migration = {
  async up(db) {
    await sql`drop index task_runs_held`.execute(db)
    await sql`create index task_runs_held on task_runs (task_id, held, created_at, run_id)
      where held > 0 and completed_at is null`.execute(db)
    await db.schema.alterTable('tasks').addColumn('endings_json', 'text').execute()
    await sql`update tasks set wake_at = 0 where task_id in
      (select task_id from task_runs where held > 0 and completed_at is null)`.execute(db)
  },
}
