import { sql } from 'kysely'
import type { Migration } from 'kysely/migration'

/** What is due of keys that may send no more at once is passed over in the index. */
export const webhookLanes: Migration = {
  async up(db) {
    await sql`drop index webhooks_due`.execute(db)
    await sql`create index webhooks_due on webhook_deliveries (due_at, host, key_id) where due_at is not null`.execute(
      db,
    )
  },
}
