import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { percentile } from '../harness/statistics.ts'

export interface DiskSync {
  p50Ms: number
  p99Ms: number
}

/** What each of the two commits of a command appends to the write-ahead log, and how long that log is. */
const commitBytes = 68 * 1024
const logBytes = 32 * 1024 * 1024

/**
 * How long the disk takes to write what a commit of ours writes and to sync it, one after the other, in a file that is there
 * already, as a write-ahead log is once it has been filled.
 */
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
