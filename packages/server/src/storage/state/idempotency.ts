import type { Selectable } from 'kysely'
import type { IdempotencyStore, StoredCall } from '../../auth/index.ts'
import type { StateEngine } from './engine.ts'
import { perParameter } from './prepared-table.ts'
import type { Sealer } from './sealer.ts'
import type { IdempotencyTable } from './tables.ts'
import { within } from './transaction.ts'

const sweepRows = 1000

type Found = Pick<Selectable<IdempotencyTable>, 'body_hash' | 'answer' | 'expires_at'>

const findText = `select body_hash, answer, expires_at from idempotency
  where key_id = ? and operation = ? and value = ?`

/** One that is over gives way. */
const insertText = `insert into idempotency (key_id, operation, value, body_hash, answer, expires_at)
  values (?, ?, ?, ?, ?, ?)
  on conflict (key_id, operation, value) do update
  set body_hash = excluded.body_hash, answer = excluded.answer, expires_at = excluded.expires_at
  where idempotency.expires_at <= ?`

export function createIdempotencyStore(engine: StateEngine, sealer: Sealer): IdempotencyStore {
  const find = perParameter(engine, findText)
  const insert = perParameter(engine, insertText)
  return {
    async find(call, tx) {
      const [row] = await engine.run<Found>(tx, find, [call.keyId, call.operation, call.value])
      if (!row) return undefined
      const output = () => JSON.parse(sealer.unseal(placeOf(call), row.answer)) as unknown
      return { bodyHash: row.body_hash, expiresAt: row.expires_at, output }
    },

    async insert(tx, call, { bodyHash, output, now, expiresAt }) {
      const answer = sealer.seal(placeOf(call), JSON.stringify(output ?? null))
      const values = [call.keyId, call.operation, call.value, bodyHash, answer, expiresAt, now]
      return (await engine.change(tx, insert, values)) === 1
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
