import { equal, ok } from 'node:assert/strict'
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { diskBytesOf } from './footprint.ts'

test('a file counts once, whatever links lead to it', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'nexus-footprint-'))
  t.after(() => rmSync(dir, { recursive: true }))
  mkdirSync(join(dir, 'store'))
  writeFileSync(join(dir, 'store', 'part'), Buffer.alloc(64 * 1024, 1))
  const alone = diskBytesOf(dir)
  ok(alone >= 64 * 1024)
  symlinkSync('store', join(dir, 'data'))
  linkSync(join(dir, 'store', 'part'), join(dir, 'again'))
  equal(diskBytesOf(dir), alone)
})
