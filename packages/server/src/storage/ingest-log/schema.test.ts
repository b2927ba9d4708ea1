import { deepEqual, equal, throws } from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type TestContext, test } from 'node:test'
import { testFolder } from '../../testing/nexus.ts'
import { migrateIngestLog, migrations } from './schema.ts'

const next = [...migrations, 'ALTER TABLE log ADD COLUMN colour TEXT; UPDATE log SET colour = block;']
const broken = [...migrations, 'ALTER TABLE log ADD COLUMN colour TEXT; SELECT no_such_function();']

function open(t: TestContext, file = join(testFolder(t), 'ingest.db')): DatabaseSync {
  const db = new DatabaseSync(file)
  t.after(() => db.isOpen && db.close())
  return db
}

function versionOf(db: DatabaseSync): unknown {
  return db.prepare('PRAGMA user_version').get()?.user_version
}

function addLine(db: DatabaseSync, line: string): void {
  db.prepare(`INSERT INTO log (frames, bytes, min_at, max_at, appended_at, hours, tag_sets, metadata_sets, block)
    VALUES (1, 1, 1, 1, 1, '[]', '', '', ?)`).run(line)
}

test('a log of an older version is brought up, and keeps what it held', (t) => {
  const db = open(t)
  migrateIngestLog(db)
  addLine(db, 'red')
  migrateIngestLog(db, next)
  deepEqual({ ...db.prepare('SELECT block, colour FROM log').get() }, { block: 'red', colour: 'red' })
  equal(versionOf(db), next.length)
  migrateIngestLog(db, next)
})

test('a log of a newer version is refused in clear words', (t) => {
  const db = open(t)
  migrateIngestLog(db, next)
  throws(() => migrateIngestLog(db), /The ingest log was written by a newer version of Nexus/)
})

test('a migration that fails leaves the log as it was, for this version and the one before', (t) => {
  const file = join(testFolder(t), 'ingest.db')
  const db = open(t, file)
  migrateIngestLog(db)
  addLine(db, 'red')
  throws(() => migrateIngestLog(db, broken))
  db.close()
  const again = open(t, file)
  equal(versionOf(again), migrations.length)
  migrateIngestLog(again)
  migrateIngestLog(again, next)
  equal(again.prepare('SELECT colour FROM log').get()?.colour, 'red')
})
