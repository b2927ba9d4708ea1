import { deepEqual, equal, notEqual, ok, rejects } from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setImmediate as endOfTick } from 'node:timers/promises'
import type { LogRecord } from '../../telemetry/ports.ts'
import { testFolder } from '../../testing/nexus.ts'
import { openIngestLog } from './sqlite.ts'

const mib = 1024 * 1024

function open(t: TestContext, now = 1) {
  return openIngestLog({ file: join(testFolder(t), 'ingest.db'), bytesMax: 4 * mib, now: () => now })
}

function recordOf(sets: Partial<LogRecord> = {}): LogRecord {
  const empty = { tagSets: '', metadataSets: '', hours: [], seen: [] }
  return { frames: 1, lines: '[]\n', minAt: 0, maxAt: 0, lastVersion: 1, ...empty, ...sets }
}

test('sets of tags and metadata count for what a log and a batch may hold', async (t) => {
  const log = open(t)
  t.after(() => log.close())
  const large = recordOf({ metadataSets: 'm'.repeat(mib), tagSets: 't'.repeat(mib / 2) })
  await log.append(large)
  await log.append(large)
  await rejects(log.append(large), { code: 'SERVICE_UNAVAILABLE' })
  ok(log.depth().bytes >= 3 * mib)
  equal(log.openBatch(mib)?.frames, 1)
})

test('what waits for its commit when the log closes is kept, and the turn after ends well', async (t) => {
  const log = open(t)
  const appended = log.append(recordOf())
  log.close()
  await appended
  await endOfTick()
})

test('two logs that begin anew give their batches different tokens', async (t) => {
  const [one, two] = [open(t, 1), open(t, 2)]
  for (const log of [one, two]) {
    t.after(() => log.close())
    await log.append(recordOf())
  }
  notEqual(one.openBatch(mib)!.token, two.openBatch(mib)!.token)
  equal(one.openBatch(mib)!.token, one.openBatch(mib)!.token)
})

test('answers are forgotten after a day, a step at a time', async (t) => {
  const clock = { at: 0 }
  const log = openIngestLog({ file: join(testFolder(t), 'ingest.db'), bytesMax: mib, now: () => clock.at })
  t.after(() => log.close())
  const seen = Array.from({ length: 1500 }, (_, i) => ({ key: `k${i}`, bodyHash: '', answer: '{}' }))
  await log.append(recordOf({ seen }))
  clock.at = 24 * 3_600_000 - 1
  deepEqual([log.sweepSeen(clock.at), log.seen('k7')?.answer], [false, '{}'])
  clock.at++
  deepEqual([log.sweepSeen(clock.at), log.sweepSeen(clock.at), log.seen('k7')], [true, false, undefined])
})

test('a deletion that was begun is known after a restart, word for word, until it has ended', (t) => {
  const file = join(testFolder(t), 'ingest.db')
  const openAgain = () => openIngestLog({ file, bytesMax: mib, now: () => 1 })
  const range = { start: 0, end: 8_993_635_200_000_000, version: 1_762_134_000_000_001 }
  const all = { device: "it's", metrics: undefined, ...range }
  const some = { device: 'd', metrics: ['a,b', '"'], ...range }
  let log = openAgain()
  const ids = [all, some].map((deletion) => log.beginDeletion(deletion))
  log.close()
  log = openAgain()
  deepEqual(log.openDeletions(), [
    { id: ids[0], ...all },
    { id: ids[1], ...some },
  ])
  for (const id of ids) log.endDeletion(id)
  deepEqual(log.openDeletions(), [])
  log.close()
})
