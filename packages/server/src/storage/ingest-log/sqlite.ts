import { statSync } from 'node:fs'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { fail } from '../../core/failure.ts'
import type { Deletion, DeviceHour, DrainBatch, IngestLog, LogRecord, SeenAnswer } from '../../telemetry/ports.ts'
import { migrateIngestLog } from './schema.ts'
import { openSyncer, type Syncer } from './syncer.ts'

export interface IngestLogOptions {
  file: string
  /** How much may wait for the drain before `append` refuses. */
  bytesMax: number
  /** How many answers to repeats are kept: beyond, the oldest are forgotten before their day is over. */
  seenMax: number
  now(): number
  openSyncer?: (file: string) => Syncer
}

const seenMs = 24 * 3_600_000
const retryAfterSeconds = 1
/** A statement holds up everything else: a day of answers is forgotten in small steps. */
const sweepRows = 1000

/**
 * The ingest log in SQLite, one row a commit. `append` only takes note; at the end of the turn, unless a sync is under way,
 * everything noted is sealed and committed, and then synced beside the event loop, which would stand still for most of the
 * time otherwise. What comes in meanwhile shares the next commit. All other writes are synced before they return.
 */
export function openIngestLog(options: IngestLogOptions): IngestLog {
  const db = openMigrated(options.file)
  const sql = statements(db)
  const depth = readDepth(db)
  const syncer = (options.openSyncer ?? openSyncer)(`${options.file}-wal`)
  let seen = (sql.countSeen.get() as { value: number }).value
  let waiting: Waiting[] = []
  let syncing = false
  /** After a sync that failed nobody knows what is on the disk, and a later one may succeed without cause. */
  let broken: { cause: unknown } | undefined

  const failed = (cause: unknown) =>
    fail('SERVICE_UNAVAILABLE', { reason: 'ingest_log_failed' }, { cause, retryAfterSeconds })
  const put = ({ seal, reject }: Waiting): boolean => {
    try {
      const record = seal()
      const forgotten = transaction(db, () => {
        const replaced = write(sql, record, options.now())
        const surplus = seen + record.seen.length - replaced - options.seenMax
        return replaced + (surplus > 0 ? Number(sql.forgetOldest.run(surplus).changes) : 0)
      })
      seen += record.seen.length - forgotten
      depth.frames += record.frames
      depth.bytes += sizeOf(record)
      depth.oldestAt ??= options.now()
      return true
    } catch (cause) {
      reject(failed(cause))
      return false
    }
  }
  const putAll = (): Waiting[] => {
    const taken = waiting
    waiting = []
    return taken.filter(put)
  }
  const commit = async () => {
    if (syncing || waiting.length === 0) return
    db.exec('PRAGMA synchronous = NORMAL')
    const written = putAll()
    db.exec('PRAGMA synchronous = FULL')
    syncing = true
    try {
      await syncer.sync()
      for (const { resolve } of written) resolve()
    } catch (cause) {
      broken = { cause }
      for (const { reject } of [...written, ...waiting]) reject(failed(cause))
      waiting = []
    }
    syncing = false
    if (waiting.length > 0) setImmediate(commit)
  }

  return {
    append(seal) {
      if (broken) return Promise.reject(failed(broken.cause))
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      if (waiting.length === 0 && !syncing) setImmediate(commit)
      waiting.push({ seal, resolve, reject })
      return promise
    },
    hasFailed: () => broken !== undefined,
    freeBytes: () => options.bytesMax - depth.bytes,
    seen(key) {
      if (broken) throw failed(broken.cause)
      return sql.seen.get(key, options.now()) as SeenAnswer | undefined
    },
    newestOverlapping: (start, end) => (sql.overlapping.get(end, start) as { id: number }).id,
    depth: () => ({ ...depth }),
    openBatch: (bytesMax) => transaction(db, () => openBatch(sql, bytesMax, options.now())),
    finishBatch(batch) {
      transaction(db, () => {
        sql.deleteUpTo.run(batch.last)
        sql.closeBatch.run()
      })
      Object.assign(depth, readDepth(db))
    },
    rest: () => shrink(db, `${options.file}-wal`),
    lastVersion: () => (sql.lastVersion.get() as { value: number }).value,
    nextRollUpVersion: () => (sql.nextRollUp.get() as { value: number }).value,
    dirtyHours: () => sql.dirty.all() as unknown as DeviceHour[],
    markDirty: (hours) => transaction(db, () => runAll(sql.markDirty, hours)),
    clearDirty: (hours) => transaction(db, () => runAll(sql.clearDirty, hours)),
    sweepSeen(now) {
      const forgotten = Number(sql.sweepSeen.run(now, sweepRows).changes)
      seen -= forgotten
      return forgotten === sweepRows
    },
    beginDeletion: ({ device, metrics, start, end, version }) => {
      const named = metrics ? JSON.stringify(metrics) : null
      return Number(sql.beginDeletion.run(device, named, start, end, version).lastInsertRowid)
    },
    endDeletion: (id) => void sql.endDeletion.run(id),
    openDeletions: () => (sql.openDeletions.all() as unknown as DeletionRow[]).map(toDeletion),
    close() {
      const written = putAll()
      db.close()
      syncer.close()
      for (const { resolve } of written) resolve()
    },
  }
}

interface Waiting {
  seal(): LogRecord
  resolve(): void
  reject(cause: unknown): void
}

/** A file that is refused is let go again: its lock would outlive the refusal. */
function openMigrated(file: string): DatabaseSync {
  const db = new DatabaseSync(file)
  try {
    migrateIngestLog(db)
    return db
  } catch (cause) {
    db.close()
    throw cause
  }
}

/** Of all that the drain will move: sets of tags and metadata can be far larger than the frames that refer to them. */
function sizeOf({ block, tagSets, metadataSets }: Pick<LogRecord, 'block' | 'tagSets' | 'metadataSets'>): number {
  return block.length + tagSets.length + metadataSets.length
}

/** Returns how many answers of days before gave way to new ones under their keys. */
function write(sql: Statements, record: LogRecord, now: number): number {
  const { frames, minAt, maxAt, block, tagSets, metadataSets, seen } = record
  const hours = JSON.stringify(record.hours)
  sql.append.run(frames, sizeOf(record), minAt, maxAt, now, hours, tagSets, metadataSets, block)
  let replaced = 0
  for (const { key, bodyHash, answer } of seen) {
    replaced += Number(sql.forget.run(key).changes)
    sql.see.run(key, bodyHash, answer, now + seenMs)
  }
  return replaced
}

interface LogRow {
  id: number
  frames: number
  block: Buffer
  tag_sets: Buffer
  metadata_sets: Buffer
  hours: string
  appended_at: number
}

/**
 * Versions follow the clock in steps that compress well: a device that sends every ten seconds has them at even
 * distances, and what one batch moves has one.
 */
const versionStep = 65_536

/** The bounds of a batch are committed before it is moved, so that a crash repeats just the same batch. */
function openBatch(sql: Statements, bytesMax: number, now: number): DrainBatch | undefined {
  const open = sql.openBatch.get() as { last: number; version: number | null } | undefined
  const rows = (open ? sql.upTo.all(open.last) : takeRows(sql, bytesMax)) as unknown as LogRow[]
  if (rows.length === 0) return undefined

  const hours = hoursOf(rows)
  const [first, last] = [rows[0]!.id, rows.at(-1)!.id]
  const version = open?.version ?? nextVersion(sql, now)
  if (!open) sql.setBatch.run(last, version)
  runAll(sql.markDirty, hours)
  return {
    // With the time, for a log that was lost counts from one again, and the store remembers tokens.
    token: `frames-${first}-${last}-${rows[0]!.appended_at}`,
    begun: open !== undefined,
    version,
    last,
    frames: rows.reduce((sum, row) => sum + row.frames, 0),
    blocks: rows.map((row) => row.block),
    tagSets: rows.map((row) => row.tag_sets),
    metadataSets: rows.map((row) => row.metadata_sets),
    hours,
  }
}

/** Each once. */
function hoursOf(rows: readonly LogRow[]): DeviceHour[] {
  const devicesOf = new Map<number, Set<string>>()
  for (const row of rows) {
    for (const { hour, device } of JSON.parse(row.hours) as DeviceHour[]) {
      const devices = devicesOf.get(hour)
      if (devices) devices.add(device)
      else devicesOf.set(hour, new Set([device]))
    }
  }
  return [...devicesOf].flatMap(([hour, devices]) => Array.from(devices, (device) => ({ device, hour })))
}

function nextVersion(sql: Statements, now: number): number {
  const current = Math.floor((now * 1000) / versionStep) * versionStep
  return (sql.nextVersion.get(current) as { value: number }).value
}

interface DeletionRow {
  id: number
  device: string
  metrics: string | null
  start: number
  end: number
  version: number
}

function toDeletion({ metrics, ...row }: DeletionRow): Deletion & { id: number } {
  return { ...row, metrics: metrics === null ? undefined : JSON.parse(metrics) }
}

function takeRows(sql: Statements, bytesMax: number): unknown[] {
  const last = sql.lastWithin.get(bytesMax) as { id: number | null }
  return last.id === null ? [] : sql.upTo.all(last.id)
}

const pagesKept = 256
const walBytesKept = 1024 * 1024

/** Gives back to the disk what a backlog took, but for a megabyte that the next will want again. */
function shrink(db: DatabaseSync, wal: string): void {
  const { freelist_count: free } = db.prepare('PRAGMA freelist_count').get() as { freelist_count: number }
  if (free > pagesKept * 2) db.exec(`PRAGMA incremental_vacuum(${free - pagesKept})`)
  if (statSync(wal).size > walBytesKept) db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
}

function readDepth(db: DatabaseSync) {
  const row = db.prepare('SELECT sum(frames) frames, sum(bytes) bytes, min(appended_at) oldest FROM log').get() as {
    frames: number | null
    bytes: number | null
    oldest: number | null
  }
  return { frames: row.frames ?? 0, bytes: row.bytes ?? 0, oldestAt: row.oldest ?? undefined }
}

type Statements = ReturnType<typeof statements>

function statements(db: DatabaseSync) {
  const prepare = (text: string): StatementSync => db.prepare(text)
  return {
    append: prepare(
      'INSERT INTO log (frames, bytes, min_at, max_at, appended_at, hours, tag_sets, metadata_sets, block) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
    ),
    nextVersion: prepare('UPDATE version SET frame = max(frame + 1, ?) RETURNING frame value'),
    lastVersion: prepare('SELECT frame value FROM version'),
    nextRollUp: prepare('UPDATE version SET roll_up = roll_up + 2 RETURNING roll_up value'),
    forget: prepare('DELETE FROM seen WHERE key = ?'),
    see: prepare('INSERT INTO seen (key, body_hash, answer, expires_at) VALUES (?, ?, ?, ?)'),
    seen: prepare('SELECT key, body_hash bodyHash, answer FROM seen WHERE key = ? AND expires_at > ?'),
    sweepSeen: prepare('DELETE FROM seen WHERE key IN (SELECT key FROM seen WHERE expires_at <= ? LIMIT ?)'),
    countSeen: prepare('SELECT count(*) value FROM seen'),
    forgetOldest: prepare('DELETE FROM seen WHERE key IN (SELECT key FROM seen ORDER BY expires_at LIMIT ?)'),
    overlapping: prepare('SELECT coalesce(max(id), 0) id FROM log WHERE min_at < ? AND max_at >= ?'),
    openBatch: prepare('SELECT last, version FROM batch'),
    setBatch: prepare('INSERT INTO batch (one, last, version) VALUES (1, ?, ?)'),
    closeBatch: prepare('DELETE FROM batch'),
    // The rows whose running size stays within the bound, and always the first.
    lastWithin: prepare(
      'SELECT max(id) id FROM (SELECT id, sum(bytes) OVER (ORDER BY id) - bytes before FROM (SELECT id, bytes FROM log ORDER BY id LIMIT 20000)) WHERE before <= ?',
    ),
    upTo: prepare(
      'SELECT id, frames, block, tag_sets, metadata_sets, hours, appended_at FROM log WHERE id <= ? ORDER BY id',
    ),
    deleteUpTo: prepare('DELETE FROM log WHERE id <= ?'),
    dirty: prepare('SELECT hour, device FROM dirty'),
    markDirty: prepare('INSERT OR IGNORE INTO dirty (hour, device) VALUES (:hour, :device)'),
    clearDirty: prepare('DELETE FROM dirty WHERE hour = :hour AND device = :device'),
    beginDeletion: prepare('INSERT INTO deletion (device, metrics, start_at, end_at, version) VALUES (?, ?, ?, ?, ?)'),
    endDeletion: prepare('DELETE FROM deletion WHERE id = ?'),
    openDeletions: prepare(
      'SELECT id, device, metrics, start_at AS start, end_at AS "end", version FROM deletion ORDER BY id',
    ),
  }
}

function runAll(statement: StatementSync, hours: readonly DeviceHour[]): void {
  for (const { hour, device } of hours) statement.run({ hour, device })
}

function transaction<T>(db: DatabaseSync, fn: () => T): T {
  db.exec('BEGIN IMMEDIATE')
  try {
    const result = fn()
    db.exec('COMMIT')
    return result
  } catch (cause) {
    if (db.isTransaction) db.exec('ROLLBACK')
    throw cause
  }
}
