import { equal, match, notEqual, throws } from 'node:assert/strict'
import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { loadMasterKey } from './master-key.ts'
import { seal, unseal } from './seal.ts'
import { temporaryFolder } from './testing/engines-under-test.ts'

const key = { id: 'k1', bytes: Buffer.alloc(32, 7) }
const place = { table: 'tasks', column: 'result', row: 'task-1' }

test('what was sealed opens again, and never looks the same twice', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const sealed = seal(key, place, text)
      match(sealed, /^enc:v1:k1:[\w-]+$/)
      notEqual(sealed, seal(key, place, text))
      equal(unseal(key, place, sealed), text)
    }),
  )
})

test('a single changed bit is noticed', () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(7), (at, bit) => {
      const sealed = seal(key, place, 'hidden')
      const bytes = Buffer.from(sealed.slice('enc:v1:k1:'.length), 'base64url')
      const index = at % bytes.length
      bytes[index] = bytes[index]! ^ (1 << bit)
      throws(() => unseal(key, place, `enc:v1:k1:${bytes.toString('base64url')}`))
    }),
  )
})

test('another key, another place or a truncated value does not open', () => {
  const sealed = seal(key, place, 'hidden')
  throws(() => unseal({ ...key, bytes: Buffer.alloc(32, 8) }, place, sealed))
  throws(() => unseal({ ...key, id: 'k2' }, place, sealed), /not of the key k2/)
  for (const part of ['table', 'column', 'row'] as const) {
    throws(() => unseal(key, { ...place, [part]: 'another' }, sealed))
  }
  throws(() => unseal(key, place, sealed.slice(0, 30)))
})

test('a master key is made for the owner alone, and read back the same', (t) => {
  const file = join(temporaryFolder(t), 'keys', 'master.key')
  const made = loadMasterKey(file, { create: true })
  equal(statSync(file).mode & 0o777, 0o600)
  equal(loadMasterKey(file, { create: true }).bytes.equals(made.bytes), true)
})

test('a damaged master key is refused in clear words', (t) => {
  const file = join(temporaryFolder(t), 'master.key')
  writeFileSync(file, 'c2hvcnQ=\n')
  throws(() => loadMasterKey(file, { create: true }), /is damaged: it must hold 32 bytes in base64/)
})
