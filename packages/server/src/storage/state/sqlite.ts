import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Kysely } from 'kysely'
import type { StateEngine } from './engine.ts'
import { GroupCommit } from './group-commit.ts'
import { type Migrations, migrate } from './migrate.ts'
import { NodeSqliteDialect } from './node-sqlite-dialect.ts'
import type { StateTables } from './tables.ts'

const busyMs = 5000

/** Opens (and makes) the state file, for this process alone; it and its folder are readable by the owner only. */
export async function openSqlite(file: string, migrations: Migrations): Promise<StateEngine> {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  closeSync(openSync(file, 'a', 0o600))
  const connection = new DatabaseSync(file, { enableForeignKeyConstraints: true, timeout: busyMs })
  const writer = new Kysely<StateTables>({ dialect: new NodeSqliteDialect(connection) })
  try {
    connection.exec('pragma journal_mode = wal; pragma synchronous = full')
    await migrate(writer, migrations, file)
  } catch (error) {
    connection.close()
    throw error
  }
  const reading = new DatabaseSync(file, { readOnly: true, timeout: busyMs })
  const group = new GroupCommit({ connection, db: writer })
  return {
    kind: 'sqlite',
    reads: new Kysely<StateTables>({ dialect: new NodeSqliteDialect(reading) }),
    write: (fn) => group.write(fn),
    // The one writer already is exclusive.
    exclusive: async () => {},
    close: async () => {
      await group.close()
      // The writer goes last, for only it can move what the write-ahead log holds into the file.
      if (reading.isOpen) reading.close()
      if (connection.isOpen) connection.close()
    },
  }
}
