import { deepEqual, equal } from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { sql } from 'kysely'
import { openState } from './index.ts'
import { temporaryFolder } from './testing/engines-under-test.ts'
import { within } from './transaction.ts'

test('every acknowledged write survives kill -9', async (t) => {
  const file = join(temporaryFolder(t), 'state.db')
  const writer = spawn(process.execPath, [join(import.meta.dirname, 'testing', 'writer.fixture.ts'), file], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(writer, 'exit')
  let acknowledged = -1
  for await (const line of createInterface({ input: writer.stdout })) {
    acknowledged = Number(line)
    if (acknowledged === 100) writer.kill('SIGKILL')
  }
  await exited
  const engine = await openState({ file })
  const { rows } = await sql<{ id: number }>`select id from kept order by id`.execute(engine.reads)
  await engine.close()
  deepEqual(
    rows.slice(0, acknowledged + 1).map((row) => row.id),
    Array.from({ length: acknowledged + 1 }, (_, id) => id),
  )
})

test('the file is written through to the disk, keeps foreign keys, and is readable by the owner alone', async (t) => {
  const file = join(temporaryFolder(t), 'deep', 'state.db')
  const engine = await openState({ file })
  const pragma = (name: string) =>
    engine.write(async (tx) => {
      const { rows } = await sql`pragma ${sql.raw(name)}`.execute(within(tx))
      return Object.values(rows[0] as object)[0]
    })
  equal(await pragma('journal_mode'), 'wal')
  equal(await pragma('synchronous'), 2)
  equal(await pragma('foreign_keys'), 1)
  equal(await pragma('busy_timeout'), 5000)
  for (const one of [file, `${file}-wal`]) equal(statSync(one).mode & 0o777, 0o600)
  await engine.close()
})

test('reads can not write', async (t) => {
  const engine = await openState({ file: join(temporaryFolder(t), 'state.db') })
  const written = await sql`delete from api_keys`.execute(engine.reads).then(
    () => 'written',
    (error: Error) => error.message,
  )
  await engine.close()
  equal(written, 'attempt to write a readonly database')
})
