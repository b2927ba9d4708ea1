import type { Kysely } from 'kysely'
import type { WorkItem, WorkStore } from '../../work/index.ts'
import type { StateEngine } from './engine.ts'
import type { StateTables } from './tables.ts'
import { afterEnd, beforeCommit, within } from './transaction.ts'
import { workOnPostgres } from './work-postgres.ts'
import { toItem } from './work-rows.ts'
import { workOnSqlite } from './work-sqlite.ts'

export function createWorkStore(engine: StateEngine, now: () => number): WorkStore {
  return {
    write: (fn) => engine.write(fn),
    beforeCommit,
    afterEnd,
    ...(engine.kind === 'sqlite' ? workOnSqlite(engine, now) : workOnPostgres(engine, now)),
    lockOrder: (tx, { kind, queue, orderingKey }) => engine.exclusive(tx, `order ${kind} ${queue} ${orderingKey}`),

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

/** Of what has not ended, what stands in the line of an ordering key. */
function live(db: Kysely<StateTables>, { kind, queue, orderingKey }: Pick<WorkItem, 'kind' | 'queue' | 'orderingKey'>) {
  return db
    .selectFrom('work')
    .where('kind', '=', kind)
    .where('queue', '=', queue)
    .where('ordering_key', '=', orderingKey)
    .where('ended_at', 'is', null)
    .where('waiting_for_json', 'is', null)
}
