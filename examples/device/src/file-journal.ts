import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { DeviceJournal, JournalEntry } from '@nexus/sdk'

const keptMax = 1000
/** When so many lines are of no use any more, the file is written anew. */
const spareMax = 4000

/** Executions in a file of JSON lines, each synced to the disk; what a crash cut off at its end is left out. */
export function openFileJournal(file: string): DeviceJournal & { close(): Promise<void> } {
  mkdirSync(dirname(file), { recursive: true })
  const kept = new Map<string, JournalEntry>()
  let lines = 0
  let handle: FileHandle | undefined

  const keep = (entry: JournalEntry) => {
    kept.delete(entry.execution_id)
    kept.set(entry.execution_id, entry)
    if (kept.size > keptMax) kept.delete(oldestConfirmed(kept))
  }
  const compact = async () => {
    await handle?.close()
    writeDurably(`${file}.new`, [...kept.values()].map(lineOf).join(''))
    renameSync(`${file}.new`, file)
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
      await handle.appendFile(lineOf(entry))
      await handle.datasync()
      lines++
    },
    async close() {
      await handle?.close()
      handle = undefined
    },
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

function writeDurably(file: string, text: string): void {
  writeFileSync(file, text, { mode: 0o600 })
  const written = openSync(file, 'r+')
  fsyncSync(written)
  closeSync(written)
}
