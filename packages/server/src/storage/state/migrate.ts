import { type Kysely, sql } from 'kysely'
import { DEFAULT_MIGRATION_TABLE, type Migration, Migrator } from 'kysely/migration'
import type { StateTables } from './tables.ts'

/** By name; they run in the order of their names, and a name that was released is never changed. */
export type Migrations = Readonly<Record<string, Migration>>

/** Brings the state up to this version in one transaction, or refuses a state that a newer version wrote. */
export async function migrate(db: Kysely<StateTables>, migrations: Migrations, where: string): Promise<void> {
  const unknown = (await executed(db)).filter((name) => !(name in migrations))
  if (unknown.length > 0) {
    throw new Error(
      `The state in ${where} was written by a newer version of Nexus: it has had the migration "${unknown[0]}", ` +
        'which this version does not know. Start that version, or restore a backup from before the upgrade.',
    )
  }
  const migrator = new Migrator({ db, provider: { getMigrations: async () => ({ ...migrations }) } })
  const { error } = await migrator.migrateToLatest()
  if (error) throw new Error(`The state in ${where} could not be migrated; nothing was changed`, { cause: error })
}

async function executed(db: Kysely<StateTables>): Promise<string[]> {
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true })
  if (!tables.some((table) => table.name === DEFAULT_MIGRATION_TABLE)) return []
  const { rows } = await sql<{ name: string }>`select name from ${sql.table(DEFAULT_MIGRATION_TABLE)}`.execute(db)
  return rows.map((row) => row.name)
}
