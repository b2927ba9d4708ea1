import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { percentile } from '../harness/statistics.ts'

export interface DiskSync {
  p50Ms: number
  p99Ms: number
}

/** About what a commit appends to a write-ahead log, and a log that is written over from its beginning. */
const commitBytes = 48 * 1024
const logBytes = 32 * 1024 * 1024

/** How long the disk takes to append what a commit appends and to sync it, on one file, one after the other. */
export function probeDisk(dir: string, seconds: number): DiskSync {
  const file = join(dir, 'probe')
  const bytes = Buffer.alloc(commitBytes, 'x')
  const fd = openSync(file, 'w')
  const took: number[] = []
  try {
    for (let at = 0; at < logBytes; at += commitBytes) writeSync(fd, bytes, 0, commitBytes, at)
    fdatasyncSync(fd)
    const end = performance.now() + seconds * 1000
    for (let at = 0; performance.now() < end; at = (at + commitBytes) % logBytes) {
      const begun = performance.now()
      writeSync(fd, bytes, 0, commitBytes, at)
      fdatasyncSync(fd)
      took.push(performance.now() - begun)
    }
  } finally {
    closeSync(fd)
    rmSync(file)
  }
  return { p50Ms: percentile(took, 0.5), p99Ms: percentile(took, 0.99) }
}
