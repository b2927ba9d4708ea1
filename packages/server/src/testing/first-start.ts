import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readlinkSync, realpathSync, rmSync, symlinkSync, unlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Names the folder while `npm test` runs. */
const variable = 'NEXUS_TEST_FIRST_START'

/**
 * Run by `node --test` before all files: makes a folder as a first start leaves it, for to make the tables of the column
 * store takes half of a start.
 */
export function globalSetup(): void {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), 'nexus-first-start-'))
  process.env[variable] = folder
  // In a process of its own: the one that runs the tests would keep what a server has loaded.
  execFileSync(process.execPath, [fileURLToPath(new URL('start-once.ts', import.meta.url)), folder])
}

export function globalTeardown(): void {
  const folder = process.env[variable]
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
}

/** Copies that folder, or a part of it, to where nothing is; does nothing where one file is tested without `npm test`. */
export function copyFirstStart(to: string, part = ''): void {
  const all = process.env[variable]
  if (all === undefined) return
  const from = join(all, part)
  cpSync(from, to, { recursive: true, verbatimSymlinks: true })
  // The column store links to its parts by their full paths.
  for (const entry of readdirSync(to, { recursive: true, withFileTypes: true })) {
    if (!entry.isSymbolicLink()) continue
    const link = join(entry.parentPath, entry.name)
    const target = join(to, relative(from, readlinkSync(link)))
    unlinkSync(link)
    symlinkSync(target, link)
  }
}
