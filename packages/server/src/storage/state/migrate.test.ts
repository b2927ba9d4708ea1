import { equal, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import type { StateEngine } from './engine.ts'
import { createRetentionStore, openState, type StateOptions } from './index.ts'
import { type Migrations, migrate } from './migrate.ts'
import { migrations } from './migrations/index.ts'
import { openPostgres } from './postgres.ts'
import { openSqlite } from './sqlite.ts'
import { enginesUnderTest } from './testing/engines-under-test.ts'

const oldest = Object.fromEntries(Object.entries(migrations).slice(0, 1))
const newer: Migrations = { ...migrations, '9999-from-the-future': { up: async () => {} } }
const broken: Migrations = {
  ...migrations,
  '9999-broken': {
    async up(db) {
      await db.schema.createTable('half_done').addColumn('id', 'text').execute()
      throw new Error('no room')
    },
  },
}

for (const { name, skip, fresh } of await enginesUnderTest()) {
  test(`${name}: a state of an older version is brought up, and keeps what it held`, {
    skip: skip ?? false,
  }, async (t) => {
    const options = await fresh(t)
    const old = await openWith(options, oldest)
    await old.write(async () => {})
    await rejects(createRetentionStore(old).get())
    await old.close()
    const now = await openState(options)
    equal((await createRetentionStore(now).get()).policies.length, 0)
    await now.close()
  })

  test(`${name}: a state of a newer version is refused in clear words`, { skip: skip ?? false }, async (t) => {
    const options = await fresh(t)
    await (await openWith(options, newer)).close()
    await rejects(openState(options), /was written by a newer version of Nexus.*9999-from-the-future/)
  })

  test(`${name}: a migration that fails leaves the state as it was`, { skip: skip ?? false }, async (t) => {
    const options = await fresh(t)
    await rejects(openWith(options, broken), /could not be migrated; nothing was changed/)
    const engine = await openState(options)
    const tables = await engine.reads.introspection.getTables()
    equal(
      tables.some((table) => table.name === 'half_done'),
      false,
    )
    await migrate(engine.reads, migrations, 'here')
    await engine.close()
  })
}

function openWith(options: StateOptions, steps: Migrations): Promise<StateEngine> {
  return options.url === undefined ? openSqlite(options.file!, steps) : openPostgres(options.url, steps)
}
