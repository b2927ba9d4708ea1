import type { ApiKey } from '@nexus/contract'
import type { Insertable, Selectable, Updateable } from 'kysely'
import type { KeyRecord, KeyStore } from '../../auth/index.ts'
import { toIso, toIsoOrNull } from '../../core/clock.ts'
import type { Tx } from '../../core/context.ts'
import type { StateEngine } from './engine.ts'
import type { ApiKeysTable } from './tables.ts'
import { afterCommit, within } from './transaction.ts'

export function createKeyStore(engine: StateEngine): KeyStore {
  const db = (tx: Tx | undefined) => (tx ? within(tx) : engine.reads)
  return {
    write: (fn) => engine.write(fn),
    afterCommit,
    lock: (tx) => engine.exclusive(tx, 'keys'),

    async find(keyId, tx) {
      const row = await db(tx).selectFrom('api_keys').selectAll().where('key_id', '=', keyId).executeTakeFirst()
      return row && toRecord(row)
    },

    async newest(limit, before) {
      let query = engine.reads.selectFrom('api_keys').selectAll()
      if (before) {
        query = query.where((where) =>
          where(where.refTuple('created_at', 'key_id'), '<', where.tuple(before.createdAt, before.keyId)),
        )
      }
      const rows = await query.orderBy('created_at', 'desc').orderBy('key_id', 'desc').limit(limit).execute()
      return rows.map((row) => toRecord(row).shown)
    },

    async insert(tx, record) {
      await within(tx).insertInto('api_keys').values(toRow(record)).execute()
    },

    async replace(tx, record) {
      const { key_id, prefix, device_id, agent_id, created_at, last_used_at, ...changes } = toRow(record)
      await within(tx)
        .updateTable('api_keys')
        .set(changes as Updateable<ApiKeysTable>)
        .where('key_id', '=', key_id)
        .execute()
    },

    async lastingAdminKeys(tx) {
      const { count } = await db(tx)
        .selectFrom('api_keys')
        .select((select) => select.fn.countAll<number>().as('count'))
        .where('scopes_json', 'like', '%"admin"%')
        .where('revoked_at', 'is', null)
        .where('expires_at', 'is', null)
        .where('allowed_cidrs_json', '=', '[]')
        .executeTakeFirstOrThrow()
      return count
    },

    async noteUses(tx, uses) {
      for (const [keyId, at] of uses) {
        await within(tx)
          .updateTable('api_keys')
          .set({ last_used_at: at })
          .where('key_id', '=', keyId)
          .where((where) => where.or([where('last_used_at', 'is', null), where('last_used_at', '<', at)]))
          .execute()
      }
    },
  }
}

function toRecord(row: Selectable<ApiKeysTable>): KeyRecord {
  const { previous_hash: hash, previous_tag: tag, previous_until: until } = row
  const shown: ApiKey = {
    key_id: row.key_id,
    prefix: row.prefix,
    name: row.name,
    scopes: JSON.parse(row.scopes_json),
    expires_at: toIsoOrNull(row.expires_at),
    device_id: row.device_id,
    agent_id: row.agent_id,
    allowed_cidrs: JSON.parse(row.allowed_cidrs_json),
    rate_limits: JSON.parse(row.rate_limits_json),
    created_at: toIso(row.created_at),
    last_used_at: toIsoOrNull(row.last_used_at),
    revoked_at: toIsoOrNull(row.revoked_at),
  }
  const previous = hash !== null && tag !== null && until !== null ? { hash, tag, until } : null
  return { shown, current: { hash: row.hash, tag: row.tag }, previous }
}

function toRow({ shown, current, previous }: KeyRecord): Insertable<ApiKeysTable> & { key_id: string } {
  return {
    key_id: shown.key_id,
    prefix: shown.prefix,
    hash: current.hash,
    tag: current.tag,
    previous_hash: previous?.hash ?? null,
    previous_tag: previous?.tag ?? null,
    previous_until: previous?.until ?? null,
    name: shown.name,
    scopes_json: JSON.stringify(shown.scopes),
    device_id: shown.device_id,
    agent_id: shown.agent_id,
    allowed_cidrs_json: JSON.stringify(shown.allowed_cidrs),
    rate_limits_json: JSON.stringify(shown.rate_limits),
    created_at: Date.parse(shown.created_at),
    expires_at: msOrNull(shown.expires_at),
    last_used_at: msOrNull(shown.last_used_at),
    revoked_at: msOrNull(shown.revoked_at),
  }
}

function msOrNull(iso: string | null): number | null {
  return iso === null ? null : Date.parse(iso)
}
