import { deepEqual, equal, rejects } from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type TestContext, test } from 'node:test'
import { migrations } from './storage/ingest-log/schema.ts'
import { openChdb } from './storage/telemetry/chdb.ts'
import { spawnNexus } from './testing/child-nexus.ts'
import { startTestNexus, testFolder } from './testing/nexus.ts'

/** A data folder that a server used, sent one frame to, and left; with the key that opens it. */
async function usedFolder(t: TestContext): Promise<{ folder: string; key: string }> {
  const folder = testFolder(t)
  const nexus = await startTestNexus(t, { dataDir: folder })
  await nexus.client.telemetry.frames.send({ device_id: 'd', timestamp: 1762134000, metrics: { m: 7 } })
  await nexus.stop()
  return { folder, key: nexus.key }
}

/** Asserts that the folder is as the server left it. */
async function assertUnharmed(t: TestContext, { folder, key }: { folder: string; key: string }): Promise<void> {
  const nexus = await startTestNexus(t, { dataDir: folder })
  const answer = await nexus.request('/v1/telemetry/latest', { key })
  equal(answer.status, 200)
  const { devices } = (await answer.json()) as { devices: { metrics: { m: { value: number } } }[] }
  deepEqual(
    devices.map(({ metrics }) => metrics.m.value),
    [7],
  )
  await nexus.stop()
}

function execSqlite(file: string, sql: string): void {
  const db = new DatabaseSync(file)
  db.exec(sql)
  db.close()
}

async function execChdb(folder: string, sql: string): Promise<void> {
  const path = join(folder, 'telemetry/chdb')
  const chdb = openChdb({ path, readers: 1, queryTimeoutMs: 30_000, queryMemoryBytes: 1 << 30, onQuery: () => {} })
  await chdb.command(sql)
  await chdb.close()
}

const fromTheFuture: Record<string, { age(folder: string): unknown; undo(folder: string): unknown }> = {
  state: {
    age: (folder) => execSqlite(join(folder, 'state.db'), "INSERT INTO kysely_migration VALUES ('9999-later', '2040')"),
    undo: (folder) => execSqlite(join(folder, 'state.db'), "DELETE FROM kysely_migration WHERE name = '9999-later'"),
  },
  'ingest log': {
    age: (folder) => execSqlite(join(folder, 'telemetry/ingest.db'), 'PRAGMA user_version = 9999'),
    undo: (folder) => execSqlite(join(folder, 'telemetry/ingest.db'), `PRAGMA user_version = ${migrations.length}`),
  },
  'telemetry store': {
    age: (folder) => execChdb(folder, 'INSERT INTO nexus_schema VALUES (9999)'),
    undo: (folder) =>
      execChdb(folder, 'ALTER TABLE nexus_schema DELETE WHERE version = 9999 SETTINGS mutations_sync = 2'),
  },
}

for (const [store, { age, undo }] of Object.entries(fromTheFuture)) {
  test(`a data folder whose ${store} is of a newer version is refused in clear words, and not harmed`, async (t) => {
    const used = await usedFolder(t)
    await age(used.folder)
    const refusal = new RegExp(`The ${store}.* was written by a newer version of Nexus`)
    await rejects(startTestNexus(t, { dataDir: used.folder }), refusal)
    await rejects(spawnNexus(t, { NEXUS_DATA_DIR: used.folder }), (refused: Error) => {
      equal(refused.message.split('\n').length, 2, `more than one line: ${refused.message}`)
      return /^ended with 2: /.test(refused.message) && refusal.test(refused.message)
    })
    await undo(used.folder)
    await assertUnharmed(t, used)
  })
}

test('a second process on a data folder is refused in clear words, and harms nothing', async (t) => {
  const folder = testFolder(t)
  const nexus = await startTestNexus(t, { dataDir: folder })
  await nexus.client.telemetry.frames.send({ device_id: 'd', timestamp: 1762134000, metrics: { m: 6 } })
  for (let i = 0; i < 2; i++) {
    await rejects(
      spawnNexus(t, { NEXUS_DATA_DIR: folder }),
      /^Error: ended with 2: The data folder is in use by another/,
    )
  }
  await nexus.client.telemetry.frames.send({ device_id: 'd', timestamp: 1762134001, metrics: { m: 7 } })
  const query = { start_time: 1762134000, end_time: 1762134002, aggregation: 'sum' as const }
  equal((await nexus.client.telemetry.query(query)).data[0]?.m, 13)
  await nexus.stop()
  await assertUnharmed(t, { folder, key: nexus.key })
})

test('without its master key, or with a wrong or damaged one, a data folder is refused, and no other key is made', async (t) => {
  const used = await usedFolder(t)
  const file = join(used.folder, 'master.key')
  const right = readFileSync(file)
  rmSync(file)
  await rejects(startTestNexus(t, { dataDir: used.folder }), /master key .* is missing.*restore the file from a backup/)
  equal(readdirSync(used.folder).includes('master.key'), false)
  writeFileSync(file, randomBytes(32).toString('base64'))
  await rejects(
    startTestNexus(t, { dataDir: used.folder }),
    /master key .* is not the one that the state was sealed with/,
  )
  writeFileSync(file, right.subarray(0, 20))
  await rejects(startTestNexus(t, { dataDir: used.folder }), /master key .* is damaged/)
  writeFileSync(file, right)
  await assertUnharmed(t, used)
})

test('the data folder and its secrets are readable by the owner alone', {
  skip: process.platform === 'win32',
}, async (t) => {
  const { folder } = await usedFolder(t)
  for (const name of ['admin.key', 'master.key', 'state.db'])
    equal(statSync(join(folder, name)).mode & 0o077, 0, `${name} is open to others`)
  equal(statSync(join(folder, 'telemetry')).mode & 0o077, 0)
})
