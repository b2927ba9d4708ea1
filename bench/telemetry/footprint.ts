import { type Dirent, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Server } from './peers/peer.ts'

/** What a folder takes on the disk, as `du` counts it: each file once, however many names lead to it. */
export function diskBytesOf(dir: string): number {
  const bytes = new Map<number, number>()
  addFiles(dir, bytes)
  return bytes.values().reduce((sum, each) => sum + each, 0)
}

/** What vanishes meanwhile doesn't count, and links are not followed. */
function addFiles(dir: string, bytes: Map<number, number>): void {
  for (const entry of entriesOf(dir)) {
    const path = join(dir, entry.name)
    if (entry.isDirectory()) addFiles(path, bytes)
    const stat = entry.isFile() ? statSync(path, { throwIfNoEntry: false }) : undefined
    if (stat) bytes.set(stat.ino, stat.blocks * 512)
  }
}

function entriesOf(dir: string): Dirent[] {
  try {
    return readdirSync(dir, { withFileTypes: true })
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw cause
  }
}

/** Waits until a folder has kept its size within 1 % for `quietMs`; says how long that took, at most `withinMs`. */
export async function untilDiskSettles(dir: string, quietMs: number, withinMs = 300_000): Promise<number> {
  const begun = Date.now()
  let reference = diskBytesOf(dir)
  let since = begun
  while (Date.now() - since < quietMs && Date.now() - begun < withinMs) {
    await sleep(1000)
    const now = diskBytesOf(dir)
    if (Math.abs(now - reference) > reference / 100) {
      reference = now
      since = Date.now()
    }
  }
  return Date.now() - begun
}

/** Waits until a system that tells has done what follows a load in the background; ten minutes at most. */
export async function untilAtRest(server: Server, withinMs = 600_000): Promise<void> {
  const begun = Date.now()
  while (server.peer.isAtRest && !(await server.peer.isAtRest(server))) {
    if (Date.now() - begun > withinMs) throw new Error(`${server.peer.name} was not at rest after ${withinMs / 1000} s`)
    await sleep(500)
  }
}
