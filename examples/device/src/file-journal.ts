import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { DeviceJournal, JournalEntry } from '@nexus/sdk'

const keptMax = 1000
/** When so many lines are of no use any more, the file is written anew. */
const spareMax = 4000

/**
 * Executions in a file of JSON lines, each synced to the disk before `save` resolves; what a crash cut off at its end is left
 * out. When an entry could not be written whole, as on a disk that was full, the file is written anew with the next.
 */
export function openFileJournal(file: string): DeviceJournal & { close(): Promise<void> } {
  makeFolder(resolve(dirname(file)))
  const kept = new Map<string, JournalEntry>()
  let lines = 0
  let handle: FileHandle | undefined

  const keep = (entry: JournalEntry) => {
    kept.delete(entry.execution_id)
    kept.set(entry.execution_id, entry)
    if (kept.size > keptMax) kept.delete(oldestConfirmed(kept))
  }
  const close = async () => {
    const open = handle
    handle = undefined
    await open?.close()
  }
  const compact = async () => {
    await close()
    writeDurably(`${file}.new`, [...kept.values()].map(lineOf).join(''))
    renameSync(`${file}.new`, file)
    syncFolder(dirname(file))
    lines = kept.size
    handle = await open(file, 'a')
  }

  return {
    async load() {
      for (const entry of readEntries(file)) keep(entry)
      await compact()
      return [...kept.values()]
    },
    async save(entry) {
      keep(entry)
      if (!handle || lines >= kept.size + spareMax) return compact()
      try {
        await handle.appendFile(lineOf(entry))
        await handle.datasync()
        lines++
      } catch (error) {
        // The next line would go on where this one was torn off.
        await close()
        throw error
      }
    },
    close,
  }
}

function oldestConfirmed(kept: Map<string, JournalEntry>): string {
  const confirmed = [...kept.values()].find(({ state }) => state === 'confirmed')
  return confirmed?.execution_id ?? kept.keys().next().value!
}

function readEntries(file: string): JournalEntry[] {
  return textOf(file)
    .split('\n')
    .flatMap((line) => {
      try {
        return [JSON.parse(line) as JournalEntry]
      } catch {
        return []
      }
    })
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
}

function lineOf(entry: JournalEntry): string {
  return `${JSON.stringify(entry)}\n`
}

/** Over a crash, too. */
function makeFolder(folder: string): void {
  const first = mkdirSync(folder, { recursive: true })
  if (first === undefined) return
  for (let made = folder; made.length >= first.length; made = dirname(made)) syncFolder(dirname(made))
}

/** So that what was made or renamed in it is there after a crash; Windows has no such call, and keeps a journal of its own. */
function syncFolder(folder: string): void {
  if (process.platform === 'win32') return
  const opened = openSync(folder, 'r')
  fsyncSync(opened)
  closeSync(opened)
}

function writeDurably(file: string, text: string): void {
  writeFileSync(file, text, { mode: 0o600 })
  const written = openSync(file, 'r+')
  fsyncSync(written)
  closeSync(written)
}
