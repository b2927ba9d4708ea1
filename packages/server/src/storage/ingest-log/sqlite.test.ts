import { deepEqual, equal, notEqual, ok, rejects } from 'node:assert/strict'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setImmediate as endOfTick } from 'node:timers/promises'
import type { LogRecord } from '../../telemetry/ports.ts'
import { testFolder } from '../../testing/nexus.ts'
import { openIngestLog } from './sqlite.ts'

const mib = 1024 * 1024

function open(t: TestContext, now = 1) {
  return openIngestLog({ file: join(testFolder(t), 'ingest.db'), bytesMax: 4 * mib, seenMax: 2000, now: () => now })
}

function recordOf(sets: Partial<LogRecord> = {}): LogRecord {
  const empty = { tagSets: Buffer.alloc(0), metadataSets: Buffer.alloc(0), hours: [], seen: [] }
  return { frames: 1, block: Buffer.alloc(3), minAt: 0, maxAt: 0, ...empty, ...sets }
}

test('sets of tags and metadata count for what a log and a batch may hold', async (t) => {
  const log = open(t)
  t.after(() => log.close())
  const large = recordOf({ metadataSets: Buffer.alloc(mib), tagSets: Buffer.alloc(mib / 2) })
  await log.append(() => large)
  await log.append(() => large)
  equal(log.depth().bytes, 3 * mib + 6)
  equal(log.freeBytes(), mib - 6)
  equal(log.openBatch(mib)?.frames, 1)
})

test('what waits for its commit when the log closes is kept, and the turn after ends well', async (t) => {
  const log = open(t)
  const appended = log.append(recordOf)
  log.close()
  await appended
  await endOfTick()
})

test('a record that cannot be made fails for those who wait for it, and for nobody else', async (t) => {
  const log = open(t)
  t.after(() => log.close())
  const broken = log.append(() => {
    throw new Error('no record')
  })
  const whole = log.append(recordOf)
  await rejects(broken, { code: 'SERVICE_UNAVAILABLE', details: { reason: 'ingest_log_failed' } })
  await whole
  equal(log.depth().frames, 1)
})

/** A disk whose syncs end when the test says so. */
function slowDisk() {
  const syncs: PromiseWithResolvers<void>[] = []
  const openSyncer = () => ({
    sync() {
      const sync = Promise.withResolvers<void>()
      syncs.push(sync)
      return sync.promise
    },
    close() {},
  })
  return { syncs, openSyncer }
}

test('what is appended during a sync is sealed and synced after it, all at once, and not acknowledged before', async (t) => {
  const { syncs, openSyncer } = slowDisk()
  const file = join(testFolder(t), 'ingest.db')
  const log = openIngestLog({ file, bytesMax: mib, seenMax: 9, now: () => 1, openSyncer })
  t.after(() => log.close())
  const order: string[] = []
  const append = (name: string) => {
    const seal = () => {
      order.push(`seal ${name}`)
      return recordOf()
    }
    return log.append(seal).then(() => order.push(`kept ${name}`))
  }
  const first = append('a')
  await endOfTick()
  const rest = [append('b'), append('c')]
  await endOfTick()
  deepEqual([order, syncs.length], [['seal a'], 1])
  syncs[0]!.resolve()
  await first
  await endOfTick()
  await endOfTick()
  deepEqual([order, syncs.length], [['seal a', 'kept a', 'seal b', 'seal c'], 2])
  syncs[1]!.resolve()
  await Promise.all(rest)
  deepEqual(order.slice(4), ['kept b', 'kept c'])
})

test('after a sync that failed nothing is acknowledged any more', async (t) => {
  const { syncs, openSyncer } = slowDisk()
  const file = join(testFolder(t), 'ingest.db')
  const log = openIngestLog({ file, bytesMax: mib, seenMax: 9, now: () => 1, openSyncer })
  t.after(() => log.close())
  const refused = { code: 'SERVICE_UNAVAILABLE', details: { reason: 'ingest_log_failed' } }
  const appended = log.append(recordOf)
  await endOfTick()
  const waiting = log.append(recordOf)
  syncs[0]!.reject(new Error('EIO'))
  await Promise.all([rejects(appended, refused), rejects(waiting, refused)])
  await rejects(log.append(recordOf), refused)
})

test('versions rise from batch to batch, whatever the clock does, and a batch keeps its own', async (t) => {
  const clock = { at: Date.parse('2026-05-01T12:00:00Z') }
  const log = openIngestLog({
    file: join(testFolder(t), 'ingest.db'),
    bytesMax: mib,
    seenMax: 2000,
    now: () => clock.at,
  })
  t.after(() => log.close())
  const versions: number[] = []
  for (const turn of [0, 0, -60_000, 60_000]) {
    clock.at += turn
    await log.append(recordOf)
    const batch = log.openBatch(mib)!
    const again = log.openBatch(mib)!
    deepEqual([again.version, batch.begun, again.begun], [batch.version, false, true])
    versions.push(batch.version)
    log.finishBatch(batch)
  }
  deepEqual(
    versions,
    versions.toSorted((a, b) => a - b),
  )
  equal(new Set(versions).size, versions.length)
})

test('two logs that begin anew give their batches different tokens', async (t) => {
  const [one, two] = [open(t, 1), open(t, 2)]
  for (const log of [one, two]) {
    t.after(() => log.close())
    await log.append(recordOf)
  }
  notEqual(one.openBatch(mib)!.token, two.openBatch(mib)!.token)
  equal(one.openBatch(mib)!.token, one.openBatch(mib)!.token)
})

test('answers are forgotten after a day, a step at a time', async (t) => {
  const clock = { at: 0 }
  const log = openIngestLog({
    file: join(testFolder(t), 'ingest.db'),
    bytesMax: mib,
    seenMax: 2000,
    now: () => clock.at,
  })
  t.after(() => log.close())
  const seen = Array.from({ length: 1500 }, (_, i) => ({ key: `k${i}`, bodyHash: '', answer: '{}' }))
  await log.append(() => recordOf({ seen }))
  clock.at = 24 * 3_600_000 - 1
  deepEqual([log.sweepSeen(clock.at), log.seen('k7')?.answer], [false, '{}'])
  clock.at++
  deepEqual([log.sweepSeen(clock.at), log.sweepSeen(clock.at), log.seen('k7')], [true, false, undefined])
})

test('no more answers are kept than the log may hold, over restarts too: the oldest are forgotten', async (t) => {
  const file = join(testFolder(t), 'ingest.db')
  const openSmall = () => openIngestLog({ file, bytesMax: mib, seenMax: 3, now: () => clock.at })
  const clock = { at: 0 }
  const answers = (...keys: string[]) => recordOf({ seen: keys.map((key) => ({ key, bodyHash: '', answer: '{}' })) })
  const first = openSmall()
  await first.append(() => answers('a', 'b'))
  first.close()
  const log = openSmall()
  t.after(() => log.close())
  for (const keys of [['c'], ['d', 'e']]) {
    clock.at++
    await log.append(() => answers(...keys))
  }
  deepEqual(
    ['a', 'b', 'c', 'd', 'e'].map((key) => log.seen(key) !== undefined),
    [false, false, true, true, true],
  )
})

test('a deletion that was begun is known after a restart, word for word, until it has ended', (t) => {
  const file = join(testFolder(t), 'ingest.db')
  const openAgain = () => openIngestLog({ file, bytesMax: mib, seenMax: 2000, now: () => 1 })
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

test('after a backlog the disk gets back what it took, the write-ahead log too', async (t) => {
  const file = join(testFolder(t), 'ingest.db')
  const log = openIngestLog({ file, bytesMax: 64 * mib, seenMax: 9, now: () => 1 })
  t.after(() => log.close())
  const sizes = () => [file, `${file}-wal`].map((name) => statSync(name).size)
  for (let i = 0; i < 16; i++) await log.append(() => recordOf({ block: Buffer.alloc(2 * mib, i) }))
  ok(Math.max(...sizes()) > 16 * mib)
  for (let batch = log.openBatch(mib); batch; batch = log.openBatch(mib)) log.finishBatch(batch)
  log.rest()
  for (const size of sizes()) ok(size <= 2 * mib, `${sizes()}`)
})
