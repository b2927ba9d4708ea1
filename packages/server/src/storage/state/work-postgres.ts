import { type Line, priorities, type QueueName } from '../../work/index.ts'
import type { StateEngine } from './engine.ts'
import { toItem, toRow, type WorkRow } from './work-rows.ts'
import {
  changedColumns,
  columns,
  type HeadRow,
  isInLine,
  linesOf,
  renewAllText,
  type TurnsRow,
  turnsOf,
  type WorkStatements,
} from './work-statements.ts'

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

const renewAll = renewAllText('least', '$1::bigint', 'order by id for update')

const findAll = 'select * from work where id in (select json_array_elements_text($1))'

const headsOfQueues = `select head.*, (line.place - 1)::integer as line
  from (select *, row_number() over () as place from json_to_recordset($1) as asked (kind text, queue text)) as line
  cross join generate_series(0, ${priorities.length - 1}) as level (priority)
  cross join lateral (
    select id, priority, created_at, turn, seq from work
    where ready = 1 and kind = line.kind and queue = line.queue and priority = level.priority
      and (start_by is null or start_by > (select $3::bigint))
    order by turn, seq limit (select $2::integer)
  ) as head
  order by line, priority, turn, seq`

const haveReady = `select asked.kind, asked.queue from json_to_recordset($1) as asked (kind text, queue text)
  where exists (select from work where ready = 1 and kind = asked.kind and queue = asked.queue)`

/** Goes through the list in its order, and locks no more rows than it takes: a sort would lock them all. */
const lockFirst = `select ready.* from json_array_elements_text($1) as listed (id)
  cross join lateral (
    select * from work where id = listed.id and ready = 1 limit 1 for update skip locked
  ) as ready
  limit (select $2::integer)`

// Not min and max: what the planner believes to be a few rows it would go through, however many they become.
const lowestTurn = priorities
  .map(
    (
      _,
      level,
    ) => `(select turn from work where ready = 1 and kind = asked.kind and queue = asked.queue and priority = ${level}
      order by turn limit 1)`,
  )
  .join(', ')

const turnsOfKeys = `select least(${lowestTurn}) as lowest,
  (select turn from work where kind = asked.kind and queue = asked.queue and fair_key = asked.key and state = 'pending'
    order by turn desc limit 1) as last
  from json_to_recordset($1) as asked (kind text, queue text, key text)`

const lines = 'json_to_recordset($1) as line (kind text, queue text, key text)'
const inLine = `work where kind = line.kind and queue = line.queue and ordering_key = line.key and ${isInLine}`
const firstBlocked = `select first.* from ${lines}
  cross join lateral (select * from ${inLine} and blocked = 1 order by seq limit 1) as first`
const haveLive = `select exists (select from ${inLine}) as has from ${lines}`

/** Each statement is a way to the server and back: one for all rows. */
export function workOnPostgres(engine: StateEngine, now: () => number): WorkStatements {
  return {
    contended: 32,
    commitsTogether: false,

    mayHaveReady: async () => true,

    async readyAmong(queues) {
      return engine.run<QueueName>(undefined, haveReady, [JSON.stringify(queues)])
    },

    async insert(tx, items) {
      if (items.length === 0) return
      await engine.send(tx, insertAll, [JSON.stringify(items.map((item) => toRow(item, now())))])
    },

    async find(ids, tx) {
      return (await engine.run<WorkRow>(tx, findAll, [JSON.stringify(ids)])).map(toItem)
    },

    async replace(tx, items) {
      if (items.length === 0) return new Set()
      // Rows are taken in the order of the list: one everywhere, so that nobody waits in a circle.
      const sorted = [...items].sort((a, b) => (a.id < b.id ? -1 : 1))
      const rows = await engine.run<{ id: string }>(tx, replaceAll, [
        JSON.stringify(sorted.map((item) => toRow(item, now()))),
      ])
      return new Set(rows.map(({ id }) => id))
    },

    renewAll: (at) => engine.write((tx) => engine.send(tx, renewAll, [at])),

    async heads(tx, queues, limit, now) {
      const asked = JSON.stringify(queues.map(({ kind, queue }) => ({ kind, queue })))
      return linesOf(await engine.run<HeadRow>(tx, headsOfQueues, [asked, limit, now]))
    },

    async lockReady(tx, ids, max) {
      return (await engine.run<WorkRow>(tx, lockFirst, [JSON.stringify(ids), max])).map(toItem)
    },

    async turns(tx, asked) {
      const keys = asked.map(({ kind, queue, fairKey: key }) => ({ kind, queue, key }))
      return (await engine.run<TurnsRow>(tx, turnsOfKeys, [JSON.stringify(keys)])).map(turnsOf)
    },

    async firstBlocked(tx, lines) {
      return (await engine.run<WorkRow>(tx, firstBlocked, [textOf(lines)])).map(toItem)
    },

    async haveLive(tx, lines) {
      return (await engine.run<{ has: boolean }>(tx, haveLive, [textOf(lines)])).map(({ has }) => has)
    },
  }
}

function textOf(lines: readonly Line[]): string {
  return JSON.stringify(lines.map(({ kind, queue, orderingKey: key }) => ({ kind, queue, key })))
}
