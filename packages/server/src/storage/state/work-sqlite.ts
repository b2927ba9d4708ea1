import { priorities, type Turns, type WorkItem, type WorkStore } from '../../work/index.ts'
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

const insertOne = `insert into work (${columns.join(', ')}) values (${columns.map(() => '?').join(', ')})`

const replaceOne = `update work set version = version + 1, ${changedColumns.map((name) => `${name} = ?`).join(', ')}
  where id = ? and version = ?`

const findOne = 'select * from work where id = ?'

/** The limit stands in the text: SQLite prepares a statement anew whenever it is given another one as a parameter. */
function headsOfQueue(limit: number): string {
  return priorities
    .map(
      (_, level) => `select * from (select id, priority, created_at, turn, seq, ?1 as line from work
        where ready = 1 and kind = ?2 and queue = ?3 and priority = ${level} and (start_by is null or start_by > ?4)
        order by turn, seq limit ${limit})`,
    )
    .join(' union all ')
}

const firstReady = 'select 1 from work where ready = 1 and kind = ? and queue = ? limit 1'

const lowestTurn = priorities
  .map(
    (_, level) => `select min(turn) as turn from work
      where ready = 1 and kind = ?1 and queue = ?2 and priority = ${level}`,
  )
  .join(' union all ')

const turnsOfKey = `select (select min(turn) from (${lowestTurn})) as lowest,
  (select max(turn) from work where kind = ?1 and queue = ?2 and fair_key = ?3 and state = 'pending') as last`

const renewAll = renewAllText('min', '?1')

const inLine = `work where kind = ? and queue = ? and ordering_key = ? and ${isInLine}`
const firstBlocked = `select * from ${inLine} and blocked = 1 order by seq limit 1`
const firstLive = `select id from ${inLine} limit 1`

/** Statements are calls of functions here: one a row is the fastest, and the one writer needs no locks. */
export function workOnSqlite(engine: StateEngine, now: () => number): WorkStatements {
  const replaced: WorkStore['replace'] = async (tx, items) => {
    const written = new Set<string>()
    for (const item of items) {
      const row = toRow(item, now())
      const values = [...changedColumns.map((name) => row[name]), row.id, row.version]
      if ((await engine.change(tx, replaceOne, values)) > 0) written.add(item.id)
    }
    return written
  }
  const find: WorkStore['find'] = async (ids, tx) => {
    const items: WorkItem[] = []
    for (const id of ids) for (const row of await engine.run<WorkRow>(tx, findOne, [id])) items.push(toItem(row))
    return items
  }
  return {
    contended: 0,
    commitsTogether: true,

    async mayHaveReady(queues) {
      for (const { kind, queue } of queues)
        if ((await engine.run(undefined, firstReady, [kind, queue])).length > 0) return true
      return false
    },

    replace: replaced,

    renewAll: (at) => engine.write((tx) => engine.send(tx, renewAll, [at])),

    async insert(tx, items) {
      for (const item of items) {
        const row = toRow(item, now())
        await engine.send(
          tx,
          insertOne,
          columns.map((name) => row[name]),
        )
      }
    },

    async heads(tx, queues, limit, now) {
      const text = headsOfQueue(limit)
      const rows: HeadRow[] = []
      for (const [line, { kind, queue }] of queues.entries())
        rows.push(...(await engine.run<HeadRow>(tx, text, [line, kind, queue, now])))
      return linesOf(rows)
    },

    find,

    lockReady: (tx, ids, max) => find(ids.slice(0, max), tx),

    async turns(tx, asked) {
      const turns: Turns[] = []
      for (const { kind, queue, fairKey } of asked)
        turns.push(turnsOf((await engine.run<TurnsRow>(tx, turnsOfKey, [kind, queue, fairKey]))[0]!))
      return turns
    },

    async firstBlocked(tx, lines) {
      const first: WorkItem[] = []
      for (const { kind, queue, orderingKey } of lines)
        first.push(...(await engine.run<WorkRow>(tx, firstBlocked, [kind, queue, orderingKey])).map(toItem))
      return first
    },

    async haveLive(tx, lines) {
      const have: boolean[] = []
      for (const { kind, queue, orderingKey } of lines)
        have.push((await engine.run(tx, firstLive, [kind, queue, orderingKey])).length > 0)
      return have
    },
  }
}
