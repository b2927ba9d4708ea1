import type { DeviceStatus } from '@nexus/contract'
import { type Insertable, type Kysely, type Selectable, sql } from 'kysely'
import type { Tx } from '../../core/context.ts'
import type { Tags } from '../../core/labels.ts'
import type { DeviceRecord, DeviceStore, Seen } from '../../devices/index.ts'
import { indexed, meets } from './device-tags.ts'
import type { StateEngine } from './engine.ts'
import type { DevicesTable, StateTables } from './tables.ts'
import { afterCommit, within } from './transaction.ts'

export function createDeviceStore(engine: StateEngine): DeviceStore {
  const { reads } = engine
  const db = (tx: Tx | undefined) => (tx ? within(tx) : reads)
  return {
    write: (fn) => engine.write(fn),
    afterCommit,
    lock: (tx) => engine.exclusive(tx, 'devices'),

    async find(deviceIds, tx) {
      const rows = await db(tx).selectFrom('devices').selectAll().where('device_id', 'in', deviceIds).execute()
      return rows.map(toRecord)
    },

    async list({ status, conditions, after, limit }) {
      let query = reads.selectFrom('devices').selectAll().where('deleted_at', 'is', null)
      if (status !== undefined) query = query.where('status', '=', status)
      if (after !== undefined) query = query.where('device_id', '>', after)
      for (const condition of conditions) query = query.where((where) => meets(where, condition))
      const rows = await query.orderBy('device_id').limit(limit).execute()
      return rows.map(toRecord)
    },

    async online({ after, limit }) {
      let query = reads.selectFrom('devices').select(['device_id', 'last_seen_at']).where('status', '=', 'online')
      if (after !== undefined) query = query.where('device_id', '>', after)
      const rows = await query.orderBy('device_id').limit(limit).execute()
      return rows.map((row) => ({ deviceId: row.device_id, lastSeenAt: row.last_seen_at }))
    },

    async save(tx, changes) {
      for (const { record, tags } of changes) {
        const { device_id, ...row } = toRow(record)
        await within(tx)
          .insertInto('devices')
          .values({ device_id, ...row })
          .onConflict((conflict) => conflict.column('device_id').doUpdateSet(row))
          .execute()
        if (tags) await replaceTags(within(tx), device_id, tags)
      }
    },

    async noteSeen(tx, seen) {
      return seen.length > 0 ? noteSeen(within(tx), seen) : new Set()
    },
  }
}

async function replaceTags(db: Kysely<StateTables>, device_id: string, tags: Tags): Promise<void> {
  await db.deleteFrom('device_tags').where('device_id', '=', device_id).execute()
  const rows = Object.entries(tags).map(([key, value]) => ({ device_id, key, value: indexed(value) }))
  if (rows.length > 0) await db.insertInto('device_tags').values(rows).execute()
}

/** All in one statement, for they are many; both engines name the columns of VALUES so. */
async function noteSeen(db: Kysely<StateTables>, seen: readonly Seen[]): Promise<Set<string>> {
  const rows = seen.map((one) => sql`(${one.deviceId}, cast(${one.at} as bigint), cast(${one.tagsAt} as bigint))`)
  const { rows: noted } = await sql<{ device_id: string }>`
    update devices set
      last_seen_at = case when devices.last_seen_at > seen.column2 then devices.last_seen_at else seen.column2 end,
      tags_at = case when devices.tags_at > seen.column3 then devices.tags_at else seen.column3 end
    from (values ${sql.join(rows)}) as seen
    where devices.device_id = seen.column1 and devices.status = 'online'
    returning device_id
  `.execute(db)
  return new Set(noted.map((row) => row.device_id))
}

function toRow(record: DeviceRecord): Insertable<DevicesTable> {
  return {
    device_id: record.deviceId,
    name: record.name,
    status: record.status,
    frame_tags_json: JSON.stringify(record.frameTags),
    tags_at: record.tagsAt,
    own_tags_json: JSON.stringify(record.ownTags),
    metadata_json: JSON.stringify(record.metadata),
    registered_at: record.registeredAt,
    last_seen_at: record.lastSeenAt,
    deleted_at: record.deletedAt,
  }
}

function toRecord(row: Selectable<DevicesTable>): DeviceRecord {
  return {
    deviceId: row.device_id,
    name: row.name,
    status: row.status as DeviceStatus,
    frameTags: JSON.parse(row.frame_tags_json),
    tagsAt: row.tags_at,
    ownTags: JSON.parse(row.own_tags_json),
    metadata: JSON.parse(row.metadata_json),
    registeredAt: row.registered_at,
    lastSeenAt: row.last_seen_at,
    deletedAt: row.deleted_at,
  }
}
