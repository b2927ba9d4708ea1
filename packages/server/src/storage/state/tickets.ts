import type { TicketStore } from '../../auth/index.ts'
import type { StateEngine } from './engine.ts'
import { within } from './transaction.ts'

export function createTicketStore(engine: StateEngine): TicketStore {
  return {
    write: (fn) => engine.write(fn),

    async insert(tx, { digest, keyId, secretTag, expiresAt }) {
      await within(tx)
        .insertInto('tickets')
        .values({ digest, key_id: keyId, secret_tag: secretTag, expires_at: expiresAt })
        .execute()
    },

    async has(digest) {
      const row = await engine.reads
        .selectFrom('tickets')
        .select('digest')
        .where('digest', '=', digest)
        .executeTakeFirst()
      return row !== undefined
    },

    async take(tx, digest, now) {
      const row = await within(tx)
        .deleteFrom('tickets')
        .where('digest', '=', digest)
        .where('expires_at', '>', now)
        .returning(['key_id', 'secret_tag'])
        .executeTakeFirst()
      return row && { keyId: row.key_id, secretTag: row.secret_tag }
    },

    async sweep(now) {
      const expired = await engine.reads
        .selectFrom('tickets')
        .select('digest')
        .where('expires_at', '<=', now)
        .limit(1)
        .execute()
      if (expired.length === 0) return
      await engine.write((tx) => within(tx).deleteFrom('tickets').where('expires_at', '<=', now).execute())
    },
  }
}
