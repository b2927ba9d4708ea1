import { type Kysely, type RawBuilder, type Selectable, sql } from 'kysely'
import type { Tx } from '../../core/context.ts'
import { dueAt, isReady, priorities, type WorkItem, type WorkStore } from '../../work/index.ts'
import type { StateEngine } from './engine.ts'
import type { StateTables, WorkTable } from './tables.ts'
import { afterCommit, within } from './transaction.ts'

/** How many rows a statement writes: engines bound the number of its parameters. */
const rowsMax = 500

export function createWorkStore(engine: StateEngine, now: () => number): WorkStore {
  const db = (tx: Tx | undefined) => (tx ? within(tx) : engine.reads)
  return {
    write: (fn) => engine.write(fn),
    afterCommit,
    lockOrder: (tx, { kind, queue, orderingKey }) => engine.exclusive(tx, `order ${kind} ${queue} ${orderingKey}`),

    async insert(tx, items) {
      for (const part of inParts(items)) {
        await within(tx)
          .insertInto('work')
          .values(part.map((item) => toRow(item, now())))
          .execute()
      }
    },

    async find(ids, tx) {
      const rows: Selectable<WorkTable>[] = []
      for (const part of inParts(ids))
        rows.push(...(await db(tx).selectFrom('work').selectAll().where('id', 'in', part).execute()))
      return rows.map(toItem)
    },

    async replace(tx, items) {
      const written = new Set<string>()
      for (const part of inParts(items)) for (const id of await replace(within(tx), part, now())) written.add(id)
      return written
    },

    async take(tx, ids, { now: at, worker, leaseToken }) {
      const { rows } = await sql<Selectable<WorkTable>>`
        update work set state = 'running', ready = 0, version = version + 1, attempt = attempt + 1, not_before = null,
          worker = ${worker}, lease_token = ${leaseToken}, started_at = ${at}, lease_expires_at = ${at} + lease_ms,
          deadline = ${at} + attempt_ms,
          due_at = ${at} + case when attempt_ms < lease_ms then attempt_ms else lease_ms end
        where id in (${claimable(engine, ids)}) and ready = 1
        returning *`.execute(within(tx))
      return rows.map(toItem)
    },

    async turns(tx, { kind, queue }, fairKey) {
      const pending = within(tx)
        .selectFrom('work')
        .where('kind', '=', kind)
        .where('queue', '=', queue)
        .where('state', '=', 'pending')
      const lowest = await pending
        .select((select) => select.fn.min<number | null>('turn').as('turn'))
        .executeTakeFirst()
      const last = await pending
        .where('fair_key', '=', fairKey)
        .select((select) => select.fn.max<number | null>('turn').as('turn'))
        .executeTakeFirst()
      return { lowest: lowest?.turn ?? undefined, last: last?.turn ?? undefined }
    },

    async ready(tx, { kind, queue }, priority, limit) {
      const rows = await within(tx)
        .selectFrom('work')
        .selectAll()
        .where('ready', '=', 1)
        .where('kind', '=', kind)
        .where('queue', '=', queue)
        .where('priority', '=', priorities.indexOf(priority))
        .orderBy('turn')
        .orderBy('seq')
        .limit(limit)
        .execute()
      return rows.map(toItem)
    },

    async firstBlocked(tx, item) {
      const row = await live(within(tx), item)
        .selectAll()
        .where('blocked', '=', 1)
        .orderBy('seq')
        .limit(1)
        .executeTakeFirst()
      return row && toItem(row)
    },

    async hasLive(tx, item) {
      return (await live(within(tx), item).select('id').limit(1).executeTakeFirst()) !== undefined
    },

    async due(at, limit) {
      const rows = await engine.reads
        .selectFrom('work')
        .selectAll()
        .where('due_at', '<=', at)
        .orderBy('due_at')
        .limit(limit)
        .execute()
      return rows.map(toItem)
    },

    async nextDue() {
      const row = await engine.reads
        .selectFrom('work')
        .select((select) => select.fn.min<number | null>('due_at').as('at'))
        .where('due_at', 'is not', null)
        .executeTakeFirst()
      return row?.at ?? undefined
    },
  }
}

function live(db: Kysely<StateTables>, { kind, queue, orderingKey }: Pick<WorkItem, 'kind' | 'queue' | 'orderingKey'>) {
  return db
    .selectFrom('work')
    .where('kind', '=', kind)
    .where('queue', '=', queue)
    .where('ordering_key', '=', orderingKey)
    .where('ended_at', 'is', null)
}

/** Those of them that nobody else is about to take: only PostgreSQL has others. */
function claimable({ kind }: StateEngine, ids: readonly string[]): RawBuilder<unknown> {
  const listed = sql.join(ids)
  return kind === 'sqlite'
    ? listed
    : sql`select id from work where id in (${listed}) and ready = 1 for update skip locked`
}

async function replace(db: Kysely<StateTables>, items: readonly WorkItem[], now: number): Promise<string[]> {
  if (items.length === 0) return []
  const rows = items.map((item) => {
    const row = toRow(item, now)
    return sql`(${row.id}, cast(${row.version} as integer), ${row.state}, cast(${row.ready} as integer),
      cast(${row.turn} as bigint), cast(${row.attempt} as integer), cast(${row.not_before} as bigint),
      cast(${row.waiting_for_json} as text), cast(${row.blocked} as integer), cast(${row.worker} as text),
      cast(${row.lease_token} as text), cast(${row.lease_expires_at} as bigint), cast(${row.deadline} as bigint),
      cast(${row.started_at} as bigint), cast(${row.cancel_requested_at} as bigint), cast(${row.cancel_by} as bigint),
      cast(${row.ended_at} as bigint), cast(${row.status_reason} as text), cast(${row.due_at} as bigint),
      cast(${row.start_by} as bigint))`
  })
  // Both engines name the columns of VALUES so.
  const { rows: written } = await sql<{ id: string }>`
    update work set version = work.version + 1, state = now.column3, ready = now.column4, turn = now.column5,
      attempt = now.column6, not_before = now.column7, waiting_for_json = now.column8, blocked = now.column9,
      worker = now.column10, lease_token = now.column11, lease_expires_at = now.column12, deadline = now.column13,
      started_at = now.column14, cancel_requested_at = now.column15, cancel_by = now.column16, ended_at = now.column17,
      status_reason = now.column18, due_at = now.column19, start_by = now.column20
    from (values ${sql.join(rows)}) as now
    where work.id = now.column1 and work.version = now.column2
    returning work.id`.execute(db)
  return written.map(({ id }) => id)
}

function inParts<T>(all: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(all.length / rowsMax) }, (_, i) => all.slice(i * rowsMax, (i + 1) * rowsMax))
}

function toRow(item: WorkItem, now: number): Selectable<WorkTable> {
  return {
    id: item.id,
    kind: item.kind,
    queue: item.queue,
    priority: priorities.indexOf(item.priority),
    fair_key: item.fairKey,
    ordering_key: item.orderingKey,
    retry_json: JSON.stringify(item.retry),
    lease_ms: item.leaseMs,
    attempt_ms: item.attemptMs,
    start_by: item.startBy,
    created_at: item.createdAt,
    trace_id: item.traceId,
    cause_id: item.causeId,
    seq: item.seq,
    version: item.version,
    state: item.state,
    ready: isReady(item, now) ? 1 : 0,
    turn: item.turn,
    attempt: item.attempt,
    not_before: item.notBefore,
    waiting_for_json: item.waitingFor && JSON.stringify(item.waitingFor),
    blocked: item.blocked ? 1 : 0,
    worker: item.worker,
    lease_token: item.leaseToken,
    lease_expires_at: item.leaseExpiresAt,
    deadline: item.deadline,
    started_at: item.startedAt,
    cancel_requested_at: item.cancelRequestedAt,
    cancel_by: item.cancelBy,
    ended_at: item.endedAt,
    status_reason: item.statusReason,
    due_at: dueAt(item),
  }
}

function toItem(row: Selectable<WorkTable>): WorkItem {
  return {
    id: row.id,
    kind: row.kind as WorkItem['kind'],
    queue: row.queue,
    priority: priorities[row.priority]!,
    fairKey: row.fair_key,
    orderingKey: row.ordering_key,
    retry: JSON.parse(row.retry_json),
    leaseMs: row.lease_ms,
    attemptMs: row.attempt_ms,
    startBy: row.start_by,
    createdAt: row.created_at,
    traceId: row.trace_id,
    causeId: row.cause_id,
    seq: row.seq,
    version: row.version,
    state: row.state as WorkItem['state'],
    turn: row.turn,
    attempt: row.attempt,
    notBefore: row.not_before,
    waitingFor: row.waiting_for_json === null ? null : JSON.parse(row.waiting_for_json),
    blocked: row.blocked === 1,
    worker: row.worker,
    leaseToken: row.lease_token,
    leaseExpiresAt: row.lease_expires_at,
    deadline: row.deadline,
    startedAt: row.started_at,
    cancelRequestedAt: row.cancel_requested_at,
    cancelBy: row.cancel_by,
    endedAt: row.ended_at,
    statusReason: row.status_reason,
  }
}
