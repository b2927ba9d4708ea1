import { sql } from 'kysely'
import type { Migration } from 'kysely/migration'

export const rollouts: Migration = {
  async up(db) {
    await db.schema.alterTable('commands').addColumn('rollout_wake_at', 'bigint').execute()
    await sql`create index commands_rollouts on commands (rollout_wake_at)
      where rollout_state_json is not null and completed_at is null`.execute(db)
    await sql`create index executions_verifying on executions (verify_by)
      where verify_by is not null and completed_at is null`.execute(db)
  },
}
