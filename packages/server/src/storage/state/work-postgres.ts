import { priorities } from '../../work/index.ts'
import type { StateEngine } from './engine.ts'
import { toItem, toRow, type WorkRow } from './work-rows.ts'
import { changedColumns, columns, type HeadRow, linesOf, type WorkStatements } from './work-statements.ts'

/*
 * Each statement takes its rows as one parameter, so that their number makes no statements of its own. Limits stand in a
 * subquery: what the planner can estimate by a parameter it plans with every call, and that takes longer than the rest.
 */
const insertAll = `insert into work (${columns.join(', ')})
  select ${columns.join(', ')} from json_populate_recordset(null::work, $1)`

const replaceAll = `update work set version = work.version + 1, ${changedColumns.map((name) => `${name} = now.${name}`).join(', ')}
  from json_populate_recordset(null::work, $1) as now cross join lateral (
    select ctid as place from work where id = now.id and version = now.version limit 1
  ) as found
  where work.ctid = found.place and work.version = now.version returning work.id`

const findAll = 'select * from work where id in (select json_array_elements_text($1))'

const headsOfQueues = `select head.*, (line.place - 1)::integer as line
  from (select *, row_number() over () as place from json_to_recordset($1) as asked (kind text, queue text)) as line
  cross join generate_series(0, ${priorities.length - 1}) as level (priority)
  cross join lateral (
    select id, priority, created_at, turn, seq from work
    where ready = 1 and kind = line.kind and queue = line.queue and priority = level.priority
    order by turn, seq limit (select $2::integer)
  ) as head
  order by line, priority, turn, seq`

/** Goes through the list in its order, and locks no more rows than it takes: a sort would lock them all. */
const takeFirst = `with chosen as (
    select ready.*, listed.place
    from json_array_elements_text($1) with ordinality as listed (id, place)
    cross join lateral (
      select id, started_at, not_before from work where id = listed.id and ready = 1 limit 1 for update skip locked
    ) as ready
    limit (select $2::integer)
  )
  update work set state = 'running', ready = 0, version = version + 1, attempt = attempt + 1, not_before = null,
    worker = $4, lease_token = $5, started_at = $3::bigint, lease_expires_at = $3::bigint + lease_ms,
    deadline = $3::bigint + attempt_ms,
    due_at = $3::bigint + case when attempt_ms < lease_ms then attempt_ms else lease_ms end
  from chosen where work.id = chosen.id
  returning work.*, chosen.started_at as was_started_at, chosen.not_before as was_not_before, chosen.place`

const lowestTurn = priorities
  .map(
    (_, level) => `(select min(turn) from work where ready = 1 and kind = $1 and queue = $2 and priority = ${level})`,
  )
  .join(', ')

const turnsOfKey = `select least(${lowestTurn}) as lowest,
  (select max(turn) from work where kind = $1 and queue = $2 and fair_key = $3 and state = 'pending') as last`

type TakenRow = WorkRow & { was_started_at: number | null; was_not_before: number | null; place: number }

/** Each statement is a way to the server and back: one for all rows. */
export function workOnPostgres(engine: StateEngine, now: () => number): WorkStatements {
  return {
    contended: 32,

    async insert(tx, items) {
      if (items.length > 0) await engine.run(tx, insertAll, [JSON.stringify(items.map((item) => toRow(item, now())))])
    },

    async find(ids, tx) {
      return (await engine.run<WorkRow>(tx, findAll, [JSON.stringify(ids)])).map(toItem)
    },

    async replace(tx, items) {
      if (items.length === 0) return new Set()
      const rows = await engine.run<{ id: string }>(tx, replaceAll, [
        JSON.stringify(items.map((item) => toRow(item, now()))),
      ])
      return new Set(rows.map(({ id }) => id))
    },

    async heads(tx, queues, limit) {
      const asked = JSON.stringify(queues.map(({ kind, queue }) => ({ kind, queue })))
      return linesOf(await engine.run<HeadRow>(tx, headsOfQueues, [asked, limit]))
    },

    async take(tx, ids, { max, now: at, worker, leaseToken }) {
      const rows = await engine.run<TakenRow>(tx, takeFirst, [JSON.stringify(ids), max, at, worker, leaseToken])
      return rows
        .toSorted((a, b) => a.place - b.place)
        .map((row) => {
          const after = toItem(row)
          const { version, attempt } = after
          const unclaimed = { worker: null, leaseToken: null, leaseExpiresAt: null, deadline: null }
          const earlier = { version: version - 1, attempt: attempt - 1, startedAt: row.was_started_at }
          const before = {
            ...after,
            ...unclaimed,
            ...earlier,
            notBefore: row.was_not_before,
            state: 'pending' as const,
          }
          return { before, after }
        })
    },

    async turns(tx, { kind, queue }, fairKey) {
      const [row] = await engine.run<{ lowest: number | null; last: number | null }>(tx, turnsOfKey, [
        kind,
        queue,
        fairKey,
      ])
      return { lowest: row!.lowest ?? undefined, last: row!.last ?? undefined }
    },
  }
}
