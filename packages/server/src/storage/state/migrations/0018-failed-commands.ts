import { sql } from 'kysely'
import type { Migration } from 'kysely/migration'

/** Those that were not completed, among however many that were: an entry is written for these alone. */
export const failedCommands: Migration = {
  async up(db) {
    await sql`create index commands_failed on commands (status, submitted_at, command_id)
      where status in ('failed', 'timeout', 'cancelled')`.execute(db)
  },
}
