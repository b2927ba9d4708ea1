import type { Selectable } from 'kysely'
import type { Tx } from '../../core/context.ts'
import type { StateEngine } from './engine.ts'
import type { StateTables } from './tables.ts'

type Row = Readonly<Record<string, unknown>>

export interface PreparedTable<Found> {
  /** All rows that are ever inserted have the same columns in the same order: one function makes them. */
  insert(tx: Tx, rows: readonly Row[]): Promise<void>
  /** Those that are there. Without `tx`: as committed. */
  find(tx: Tx | undefined, keys: readonly string[]): Promise<Found[]>
  /** The same holds of these columns as of the rows. */
  change(tx: Tx, key: string, columns: Row): Promise<void>
  /** The same of many rows, with the key as the last column. */
  changeEach(tx: Tx, rows: readonly Row[]): Promise<void>
}

/**
 * What is done with every row of a table that is written all the time: statements that are prepared once. In SQLite
 * they are calls of functions, of which one a row is the fastest; in PostgreSQL each is a way to the server and back,
 * so one serves all rows.
 */
export function preparedTable<Name extends keyof StateTables>(
  engine: StateEngine,
  name: Name,
  key: keyof StateTables[Name] & string,
): PreparedTable<Selectable<StateTables[Name]>> {
  type Found = Selectable<StateTables[Name]>
  const insertOf = once((row) => insertText(engine, name, Object.keys(row)))
  const changeOf = once((columns) => {
    const assigned = Object.keys(columns).map((column) => `"${column}" = ?`)
    return perParameter(engine, `update ${name} set ${assigned.join(', ')} where ${key} = ?`)
  })
  const changeEachOf = once((row) => {
    const columns = Object.keys(row).filter((column) => column !== key)
    if (isSqlite) return `update ${name} set ${columns.map((column) => `"${column}" = ?`).join(', ')} where ${key} = ?`
    const assigned = columns.map((column) => `"${column}" = now."${column}"`)
    return `update ${name} set ${assigned.join(', ')}
      from json_populate_recordset(null::${name}, $1) as now where ${name}.${key} = now.${key}`
  })
  const isSqlite = engine.kind === 'sqlite'
  return {
    async insert(tx, rows) {
      const [first] = rows
      if (!first) return
      const text = insertOf(first)
      if (isSqlite) for (const row of rows) await engine.send(tx, text, Object.values(row))
      else await engine.send(tx, text, [JSON.stringify(rows)])
    },

    find: findingBy<Found>(engine, `select * from ${name} where ${key}`),

    async change(tx, one, columns) {
      await engine.send(tx, changeOf(columns), [...Object.values(columns), one])
    },

    async changeEach(tx, rows) {
      const [first] = rows
      if (!first) return
      const text = changeEachOf(first)
      if (isSqlite) for (const row of rows) await engine.send(tx, text, Object.values(row))
      else await engine.send(tx, text, [JSON.stringify(rows)])
    },
  }
}

/** Finds rows by a column that each key names; `text` is a query up to that column. */
export function findingBy<Found>(engine: StateEngine, text: string): PreparedTable<Found>['find'] {
  if (engine.kind === 'postgres') {
    const ofAll = `${text} in (select json_array_elements_text($1))`
    return async (tx, keys) => (keys.length === 0 ? [] : engine.run<Found>(tx, ofAll, [JSON.stringify(keys)]))
  }
  const ofOne = `${text} = ?`
  return async (tx, keys) => {
    const found: Found[] = []
    for (const key of keys) found.push(...(await engine.run<Found>(tx, ofOne, [key])))
    return found
  }
}

/** A statement with `?` for each parameter, as the engine writes it. */
export function perParameter({ kind }: Pick<StateEngine, 'kind'>, text: string): string {
  if (kind === 'sqlite') return text
  let count = 0
  return text.replaceAll('?', () => `$${++count}`)
}

function insertText({ kind }: StateEngine, name: string, columns: readonly string[]): string {
  const listed = columns.map((column) => `"${column}"`).join(', ')
  if (kind === 'sqlite') return `insert into ${name} (${listed}) values (${columns.map(() => '?').join(', ')})`
  return `insert into ${name} (${listed}) select ${listed} from json_populate_recordset(null::${name}, $1)`
}

function once(make: (row: Row) => string): (row: Row) => string {
  let made: string | undefined
  return (row) => {
    made ??= make(row)
    return made
  }
}
