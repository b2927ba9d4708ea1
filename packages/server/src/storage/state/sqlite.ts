import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { setImmediate as endOfTick } from 'node:timers/promises'
import { Kysely } from 'kysely'
import type { Tx } from '../../core/context.ts'
import type { StateEngine } from './engine.ts'
import { GroupCommit } from './group-commit.ts'
import { type Migrations, migrate } from './migrate.ts'
import { NodeSqliteDialect } from './node-sqlite-dialect.ts'
import { noSignals } from './signals.ts'
import { SqliteStatements } from './sqlite-statements.ts'
import type { StateTables } from './tables.ts'
import { assertOpen } from './transaction.ts'

const busyMs = 5000
/** How long the statements of a transaction may run before others have a turn, but for writing. */
const sliceMs = 20

/**
 * Pages that change often are kept at hand (64 MiB), and moved from the write-ahead log in steps of 32 MiB. What a savepoint
 * would go back to stays in memory: it would become a file once it is 64 KiB, which a single command's is.
 */
const writerPragmas = `pragma journal_mode = wal; pragma synchronous = full; pragma temp_store = memory;
  pragma cache_size = -65536; pragma wal_autocheckpoint = 8192; pragma journal_size_limit = 67108864`

/** Opens (and makes) the state file, for this process alone; it and its folder are readable by the owner only. */
export async function openSqlite(file: string, migrations: Migrations): Promise<StateEngine> {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  closeSync(openSync(file, 'a', 0o600))
  const connection = new DatabaseSync(file, { enableForeignKeyConstraints: true, timeout: busyMs })
  const statements = new SqliteStatements(connection)
  const writer = new Kysely<StateTables>({ dialect: new NodeSqliteDialect(statements) })
  try {
    connection.exec(writerPragmas)
    await migrate(writer, migrations, file)
  } catch (error) {
    connection.close()
    throw error
  }
  const reading = new DatabaseSync(file, { readOnly: true, timeout: busyMs })
  const readingStatements = new SqliteStatements(reading)
  let sliceBegan = performance.now()
  const beginSlice = () => {
    sliceBegan = performance.now()
  }
  const isSliceOver = () => performance.now() - sliceBegan > sliceMs
  const prepareIn = (tx: Tx, text: string) => {
    assertOpen(tx)
    return statements.prepare(text).statement
  }
  const controlled = {
    exec: (text: string) => void statements.prepare(text).statement.run(),
    get isTransaction() {
      return connection.isTransaction
    },
  }
  const group = new GroupCommit({ connection: controlled, db: writer, onBegin: beginSlice })
  const change: StateEngine['change'] = async (tx, text, parameters) => {
    if (isSliceOver()) await endOfTick().then(beginSlice)
    return Number(prepareIn(tx, text).run(...(parameters as SQLInputValue[])).changes)
  }
  return {
    kind: 'sqlite',
    reads: new Kysely<StateTables>({ dialect: new NodeSqliteDialect(readingStatements) }),
    write: (fn) => group.write(fn),
    run: async <Row>(tx: Tx | undefined, text: string, parameters: readonly unknown[]) => {
      if (tx && isSliceOver()) await endOfTick().then(beginSlice)
      const statement = tx ? prepareIn(tx, text) : readingStatements.prepare(text).statement
      return statement.all(...(parameters as SQLInputValue[])) as Row[]
    },
    change,
    send: async (tx, text, parameters) => void (await change(tx, text, parameters)),
    // The one writer already is exclusive.
    exclusive: async () => {},
    exclusiveEach: async () => {},
    signals: noSignals,
    close: async () => {
      await group.close()
      // The writer goes last, for only it can move what the write-ahead log holds into the file.
      if (reading.isOpen) reading.close()
      if (connection.isOpen) connection.close()
    },
  }
}
