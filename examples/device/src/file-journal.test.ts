import { deepEqual, equal, rejects } from 'node:assert/strict'
import fs, { appendFileSync, readFileSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import { test } from 'node:test'
import type { JournalEntry } from '@nexus/sdk'
import { testFolder } from '../../../packages/server/src/testing/nexus.ts'
import { openFileJournal } from './file-journal.ts'

const entry = (n: number, state: JournalEntry['state']) =>
  ({ execution_id: `exe-${n}`, at: '2026-05-01T12:00:00.000Z', state, order: {} }) as unknown as JournalEntry

test('of each execution the newest entry is there after a crash, also one in the middle of a line', async (t) => {
  const file = join(testFolder(t), 'device', 'journal.ndjson')
  const journal = openFileJournal(file)
  deepEqual(await journal.load(), [])
  for (const state of ['begun', 'ended'] as const) await journal.save(entry(1, state))
  await journal.save(entry(2, 'begun'))
  await journal.close()
  appendFileSync(file, '{"execution_id":"exe-3","st')
  const again = openFileJournal(file)
  deepEqual(await again.load(), [entry(1, 'ended'), entry(2, 'begun')])
  await again.save(entry(4, 'begun'))
  await again.close()
  equal(readFileSync(file, 'utf8').trim().split('\n').length, 3)
})

test('an entry that could not be written whole does not take the next with it', async (t) => {
  const file = join(testFolder(t), 'journal.ndjson')
  const journal = openFileJournal(file)
  await journal.load()
  await journal.save(entry(1, 'begun'))
  const probe = await open(file)
  t.mock.method(
    Object.getPrototypeOf(probe),
    'appendFile',
    async function (this: FileHandle, line: string) {
      await this.write(line.slice(0, 20))
      throw new Error('disk full')
    },
    { times: 1 },
  )
  await probe.close()
  await rejects(async () => journal.save(entry(2, 'begun')), /disk full/)
  await journal.save(entry(3, 'begun'))
  await journal.close()
  deepEqual(
    await openFileJournal(file).load(),
    [1, 2, 3].map((n) => entry(n, 'begun')),
  )
})

test('a file that was written anew is synced before it takes its name, and the folder after that', async (t) => {
  const file = join(testFolder(t), 'device', 'journal.ndjson')
  const journal = openFileJournal(file)
  const done: string[] = []
  const { fsyncSync, renameSync } = fs
  t.mock.method(fs, 'fsyncSync', (fd: number) => {
    done.push(fs.fstatSync(fd).isDirectory() ? 'folder' : 'file')
    fsyncSync(fd)
  })
  t.mock.method(fs, 'renameSync', (from: string, to: string) => {
    done.push('renamed')
    renameSync(from, to)
  })
  syncBuiltinESMExports()
  t.after(() => {
    t.mock.restoreAll()
    syncBuiltinESMExports()
  })
  await journal.load()
  await journal.close()
  deepEqual(done, ['file', 'renamed', 'folder'])
})

test('it holds a thousand executions, those that are not confirmed last of all to go, and does not grow', async (t) => {
  const file = join(testFolder(t), 'journal.ndjson')
  const journal = openFileJournal(file)
  await journal.load()
  await journal.save(entry(0, 'ended'))
  for (let n = 1; n < 1200; n++) await journal.save(entry(n, 'confirmed'))
  await journal.close()
  const entries = await openFileJournal(file).load()
  deepEqual([entries.length, entries[0]!.execution_id, entries[1]!.execution_id], [1000, 'exe-0', 'exe-201'])
  equal(readFileSync(file, 'utf8').trim().split('\n').length, 1000)
})
