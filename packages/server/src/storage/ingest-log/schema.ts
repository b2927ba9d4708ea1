import type { DatabaseSync } from 'node:sqlite'
import { linesToBlocks } from './lines-to-blocks.ts'

export type Migration = string | readonly (string | ((db: DatabaseSync) => void))[]

/** Each entry brings the file from the version of its index to the next. Entries are never changed, only added. */
export const migrations: readonly Migration[] = [
  `CREATE TABLE log (
     id INTEGER PRIMARY KEY AUTOINCREMENT, frames INTEGER NOT NULL, bytes INTEGER NOT NULL,
     min_at INTEGER NOT NULL, max_at INTEGER NOT NULL, appended_at INTEGER NOT NULL,
     hours TEXT NOT NULL, tag_sets TEXT NOT NULL, metadata_sets TEXT NOT NULL, lines TEXT NOT NULL);
   CREATE TABLE batch (one INTEGER PRIMARY KEY CHECK (one = 1), last INTEGER NOT NULL);
   CREATE TABLE version (frame INTEGER NOT NULL, roll_up INTEGER NOT NULL);
   INSERT INTO version VALUES (0, 0);
   CREATE TABLE seen (key TEXT PRIMARY KEY, body_hash TEXT NOT NULL, answer TEXT NOT NULL, expires_at INTEGER NOT NULL) WITHOUT ROWID;
   CREATE INDEX seen_expires ON seen (expires_at);
   CREATE TABLE dirty (hour INTEGER NOT NULL, device TEXT NOT NULL, PRIMARY KEY (hour, device)) WITHOUT ROWID;`,
  [
    `ALTER TABLE log ADD COLUMN block BLOB NOT NULL DEFAULT x''; ALTER TABLE batch ADD COLUMN version INTEGER;`,
    linesToBlocks,
    'ALTER TABLE log DROP COLUMN lines;',
  ],
  `CREATE TABLE deletion (
     id INTEGER PRIMARY KEY, device TEXT NOT NULL, metrics TEXT, start_at INTEGER NOT NULL, end_at INTEGER NOT NULL,
     version INTEGER NOT NULL);`,
]

/** Makes the log's tables, or brings those of an older version up; refuses those of a newer one. */
export function migrateIngestLog(db: DatabaseSync, steps: readonly Migration[] = migrations): void {
  claim(db)
  const { user_version: version } = db.prepare('PRAGMA user_version').get() as { user_version: number }
  if (version > steps.length) {
    throw new Error(
      `The ingest log was written by a newer version of Nexus (schema ${version}, this one knows ${steps.length}). Start that version, or a newer one.`,
    )
  }
  for (const [index, migration] of steps.entries()) {
    if (index >= version) apply(db, migration, index + 1)
  }
}

function apply(db: DatabaseSync, migration: Migration, version: number): void {
  db.exec('BEGIN')
  try {
    for (const step of typeof migration === 'string' ? [migration] : migration) {
      if (typeof step === 'string') db.exec(step)
      else step(db)
    }
    db.exec(`PRAGMA user_version = ${version}; COMMIT`)
  } catch (cause) {
    db.exec('ROLLBACK')
    throw cause
  }
}

/**
 * Sets the file up, and takes it for this process alone; the lock goes with the process, however it ends. It stands for
 * the whole data folder, which has one owner at a time.
 */
function claim(db: DatabaseSync): void {
  try {
    // An acknowledged frame must survive a power cut: FULL syncs the write-ahead log at every commit.
    db.exec(
      'PRAGMA locking_mode = EXCLUSIVE; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 16384',
    )
    db.exec('BEGIN IMMEDIATE; COMMIT')
  } catch (cause) {
    if (cause instanceof Error && 'errcode' in cause && cause.errcode === sqliteBusy) {
      throw new Error(
        'The data folder is in use by another Nexus process: stop that one first, or give this one a folder of its own.',
      )
    }
    throw cause
  }
}

/** https://sqlite.org/rescode.html#busy */
const sqliteBusy = 5
