import { deepEqual, equal } from 'node:assert/strict'
import { appendFileSync, readFileSync } from 'node:fs'
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
