import { equal, match, notEqual } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { keyIdOf, newKey, prefixOf, renewedKey } from './key-format.ts'

const id = '0123456789ab'
const secret = 'A'.repeat(43)

test('a key has 71 bytes of the documented form', () => {
  for (let i = 0; i < 200; i++) match(newKey(), /^nxs_live_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}$/)
  equal(newKey().length, 71)
})

test('the checksum is the CRC-32 in six base62 digits, zero-padded', () => {
  // CRC-32 worked out apart, with Python: zlib.crc32(b'nxs_live_0123456789ab_' + b'A' * 43) = 1913819343
  equal(keyIdOf(`nxs_live_${id}_${secret}25WBpv`), `key-${id}`)
  equal(keyIdOf('nxs_live_000000000005_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA0m5VMb'), 'key-000000000005')
})

test('a new key is well-formed, and names itself', () => {
  const key = newKey()
  equal(keyIdOf(key), `key-${key.slice(9, 21)}`)
  equal(prefixOf(key), key.slice(0, 21))
})

test('a renewed key keeps its id and changes its secret', () => {
  const key = newKey()
  const renewed = renewedKey(keyIdOf(key)!)
  equal(keyIdOf(renewed), keyIdOf(key))
  notEqual(renewed, key)
})

test('a key with any one character changed is refused', () => {
  fc.assert(
    fc.property(fc.nat(70), fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 1 }), (at, char) => {
      const key = newKey()
      const changed = key.slice(0, at) + char + key.slice(at + 1)
      return changed === key || keyIdOf(changed) === undefined
    }),
  )
})

test('whatever else comes is refused and never throws', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 100 }), (text) => keyIdOf(text) === undefined))
})
