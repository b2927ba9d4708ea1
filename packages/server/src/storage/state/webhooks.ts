import { type Kysely, sql } from 'kysely'
import type { Tx } from '../../core/context.ts'
import type { Lanes, WebhookStore } from '../../webhooks/index.ts'
import type { StateEngine } from './engine.ts'
import { preparedTable } from './prepared-table.ts'
import type { Sealer } from './sealer.ts'
import type { StateTables } from './tables.ts'
import { afterCommit, within } from './transaction.ts'
import {
  deliveryRow,
  type Sealing,
  sealingIn,
  secretColumns,
  settledColumns,
  toClaimedDelivery,
  toWebhookDelivery,
  toWebhookSecret,
} from './webhook-rows.ts'

const trimRows = 500

export function createWebhookStore(engine: StateEngine, sealer: Sealer): WebhookStore {
  const db = (tx: Tx | undefined) => (tx ? within(tx) : engine.reads)
  const sealed = sealingIn('webhook_deliveries', sealer)
  const table = preparedTable(engine, 'webhook_deliveries', 'delivery_id')
  return {
    write: (fn) => engine.write(fn),
    afterCommit,
    ...secretMethods(db, sealingIn('webhook_secrets', sealer)),
    ...leaseMethods(engine, sealed),

    insert: (tx, deliveries) =>
      table.insert(
        tx,
        deliveries.map((delivery) => deliveryRow(delivery, sealed)),
      ),

    async countWaiting(tx, keyId, max) {
      const { count } = await within(tx)
        .selectFrom((from) =>
          from
            .selectFrom('webhook_deliveries')
            .select('key_id')
            .where('key_id', '=', keyId)
            .where('ended_at', 'is', null)
            .limit(max)
            .as('waiting'),
        )
        .select((of) => of.fn.countAll<number>().as('count'))
        .executeTakeFirstOrThrow()
      return count
    },

    async find(deliveryId, tx) {
      const row = await db(tx)
        .selectFrom('webhook_deliveries')
        .selectAll()
        .where('delivery_id', '=', deliveryId)
        .executeTakeFirst()
      return row && toWebhookDelivery(row, sealed)
    },

    async newest(limit, { keyId, status, before }) {
      let query = engine.reads.selectFrom('webhook_deliveries').selectAll()
      if (keyId !== undefined) query = query.where('key_id', '=', keyId)
      if (status !== undefined) query = query.where('status', '=', status)
      if (before) {
        const { createdAt, deliveryId } = before
        query = query.where((where) =>
          where.or([
            where('created_at', '<', createdAt),
            where.and([where('created_at', '=', createdAt), where('delivery_id', '<', deliveryId)]),
          ]),
        )
      }
      const rows = await query.orderBy('created_at', 'desc').orderBy('delivery_id', 'desc').limit(limit).execute()
      return rows.map((row) => toWebhookDelivery(row, sealed))
    },

    async restart(tx, deliveryId, now) {
      const { numUpdatedRows } = await within(tx)
        .updateTable('webhook_deliveries')
        .set({
          status: 'pending',
          due_at: now,
          attempts: sql<number>`case when ended_at is null then attempts else 0 end`,
          ended_at: null,
        })
        .where('delivery_id', '=', deliveryId)
        .where('status', '!=', 'delivering')
        .executeTakeFirstOrThrow()
      return numUpdatedRows === 1n
    },

    trim: (endedBefore, keepMax) => trim(engine, endedBefore, keepMax),
  }
}

function secretMethods(
  db: (tx: Tx | undefined) => Kysely<StateTables>,
  sealed: Sealing,
): Pick<WebhookStore, 'secret' | 'insertSecret' | 'replaceSecret'> {
  return {
    async secret(keyId, tx) {
      const row = await db(tx).selectFrom('webhook_secrets').selectAll().where('key_id', '=', keyId).executeTakeFirst()
      return row && toWebhookSecret(row, sealed)
    },

    async insertSecret(tx, keyId, secret) {
      await within(tx)
        .insertInto('webhook_secrets')
        .values({ key_id: keyId, ...secretColumns(keyId, secret, sealed) })
        .onConflict((conflict) => conflict.doNothing())
        .execute()
    },

    async replaceSecret(tx, keyId, secret) {
      await within(tx)
        .updateTable('webhook_secrets')
        .set(secretColumns(keyId, secret, sealed))
        .where('key_id', '=', keyId)
        .execute()
    },
  }
}

function leaseMethods(
  engine: StateEngine,
  sealed: Sealing,
): Pick<WebhookStore, 'due' | 'nextDue' | 'reclaim' | 'claim' | 'settle' | 'failWaiting'> {
  const dueRows = ({ hosts, keys }: Lanes) => {
    let rows = engine.reads.selectFrom('webhook_deliveries').where('due_at', 'is not', null)
    if (hosts.length > 0) rows = rows.where('host', 'not in', hosts)
    return keys.length === 0 ? rows : rows.where('key_id', 'not in', keys)
  }
  return {
    async due(now, limit, except) {
      const rows = await dueRows(except)
        .select(['delivery_id', 'host', 'key_id'])
        .where('due_at', '<=', now)
        .orderBy('due_at')
        .limit(limit)
        .execute()
      return rows.map(({ delivery_id, host, key_id }) => ({ deliveryId: delivery_id, host, keyId: key_id }))
    },

    async nextDue(except) {
      const row = await dueRows(except).select('due_at').orderBy('due_at').limit(1).executeTakeFirst()
      return row?.due_at ?? undefined
    },

    async reclaim(now) {
      if (engine.kind !== 'sqlite') return
      await engine.write((tx) =>
        within(tx)
          .updateTable('webhook_deliveries')
          .set({ due_at: now })
          .where('lease_token', 'is not', null)
          .execute(),
      )
    },

    async claim(tx, deliveryIds, { now, until, leaseToken }) {
      // Two nodes that take the same rows wait for each other here; the later one then finds them due no more.
      const rows = await within(tx)
        .updateTable('webhook_deliveries')
        .set({
          status: 'delivering',
          attempts: sql<number>`case when status = 'pending' then attempts + 1 else attempts end`,
          due_at: until,
          lease_token: leaseToken,
          last_attempt_at: now,
        })
        .where('delivery_id', 'in', deliveryIds)
        .where('due_at', '<=', now)
        .returningAll()
        .execute()
      return rows.map((row) => toClaimedDelivery(row, sealed))
    },

    async settle(tx, { deliveryId, leaseToken }, settlement, now) {
      const { numUpdatedRows } = await within(tx)
        .updateTable('webhook_deliveries')
        .set({ ...settledColumns(deliveryId, settlement, sealed, now), lease_token: null })
        .where('delivery_id', '=', deliveryId)
        .where('lease_token', '=', leaseToken)
        .executeTakeFirstOrThrow()
      return numUpdatedRows === 1n
    },

    async failWaiting(tx, { keyId, target }, error, now) {
      await within(tx)
        .updateTable('webhook_deliveries')
        .set({ status: 'failed', error, due_at: null, ended_at: now })
        .where('key_id', '=', keyId)
        .where('target', '=', target)
        .where('ended_at', 'is', null)
        .where('status', '=', 'pending')
        .execute()
    },
  }
}

/** The oldest first, by the five hundred, so that no write waits for long. */
async function trim(engine: StateEngine, endedBefore: number, keepMax: number): Promise<void> {
  const ended = engine.reads.selectFrom('webhook_deliveries').where('ended_at', 'is not', null)
  const surplus = await ended.select('ended_at').orderBy('ended_at', 'desc').limit(1).offset(keepMax).executeTakeFirst()
  const upTo = Math.max(endedBefore, surplus?.ended_at ?? endedBefore)
  for (let more = true; more; ) {
    const rows = await ended
      .select('delivery_id')
      .where('ended_at', '<=', upTo)
      .orderBy('ended_at')
      .limit(trimRows)
      .execute()
    more = rows.length === trimRows
    if (rows.length === 0) return
    const ids = rows.map(({ delivery_id }) => delivery_id)
    // One that was made to begin anew since stays.
    await engine.write((tx) =>
      within(tx)
        .deleteFrom('webhook_deliveries')
        .where('delivery_id', 'in', ids)
        .where('ended_at', '<=', upTo)
        .execute(),
    )
  }
}
