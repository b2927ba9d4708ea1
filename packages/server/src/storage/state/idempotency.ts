import type { IdempotencyStore, StoredCall } from '../../auth/index.ts'
import type { StateEngine } from './engine.ts'
import type { Sealer } from './sealer.ts'
import { within } from './transaction.ts'

const sweepRows = 1000

export function createIdempotencyStore(engine: StateEngine, sealer: Sealer): IdempotencyStore {
  return {
    async find(call) {
      const row = await engine.reads
        .selectFrom('idempotency')
        .select(['body_hash', 'answer', 'expires_at'])
        .where('key_id', '=', call.keyId)
        .where('operation', '=', call.operation)
        .where('value', '=', call.value)
        .executeTakeFirst()
      if (!row) return undefined
      const output = () => JSON.parse(sealer.unseal(placeOf(call), row.answer)) as unknown
      return { bodyHash: row.body_hash, expiresAt: row.expires_at, output }
    },

    async insert(tx, call, { bodyHash, output, now, expiresAt }) {
      const answer = sealer.seal(placeOf(call), JSON.stringify(output ?? null))
      const { numInsertedOrUpdatedRows } = await within(tx)
        .insertInto('idempotency')
        .values({
          key_id: call.keyId,
          operation: call.operation,
          value: call.value,
          body_hash: bodyHash,
          answer,
          expires_at: expiresAt,
        })
        .onConflict((conflict) =>
          conflict
            .columns(['key_id', 'operation', 'value'])
            .doUpdateSet({ body_hash: bodyHash, answer, expires_at: expiresAt })
            .where('idempotency.expires_at', '<=', now),
        )
        .executeTakeFirstOrThrow()
      return numInsertedOrUpdatedRows === 1n
    },

    async sweep(now) {
      for (let more = true; more; ) {
        const boundary = await engine.reads
          .selectFrom('idempotency')
          .select('expires_at')
          .where('expires_at', '<=', now)
          .orderBy('expires_at')
          .limit(1)
          .offset(sweepRows)
          .executeTakeFirst()
        await engine.write((tx) =>
          within(tx)
            .deleteFrom('idempotency')
            .where('expires_at', '<=', boundary?.expires_at ?? now)
            .execute(),
        )
        more = boundary !== undefined
      }
    },
  }
}

function placeOf(call: StoredCall) {
  return { table: 'idempotency', column: 'answer', row: `${call.keyId}|${call.operation}|${call.value}` }
}
