import { sql } from 'kysely'
import type { Migration } from 'kysely/migration'

/** Those that are deleted, among however many that are not; and, beside them, the runs in hand, by their workers. */
export const tasksDeleted: Migration = {
  async up(db) {
    await sql`create index tasks_deleted on tasks (deleted_at) where deleted_at is not null`.execute(db)
    await sql`create index task_runs_leased on task_runs (worker_id) where status = 'running'`.execute(db)
  },
}
