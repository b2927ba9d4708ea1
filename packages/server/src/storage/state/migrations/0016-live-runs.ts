import { sql } from 'kysely'
import type { Migration } from 'kysely/migration'

/** Those that have not ended, among however many that have. */
export const liveRuns: Migration = {
  async up(db) {
    await sql`create index task_runs_live on task_runs (run_id) where completed_at is null`.execute(db)
  },
}
