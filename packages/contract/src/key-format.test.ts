import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { formatKey, newKeyParts, parseKey } from './key-format.ts'

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const base62 = (length: number) =>
  fc.string({ unit: fc.constantFrom(...alphabet), minLength: length, maxLength: length })

test('every key that is formatted parses back to its parts', () => {
  fc.assert(
    fc.property(base62(12), base62(43), (id, secret) => {
      assert.deepEqual(parseKey(formatKey(id, secret)), { id, secret })
    }),
  )
})

test('the checksum is zlib.crc32 over all before it, in six base62 digits', () => {
  fc.assert(
    fc.property(base62(12), base62(43), (id, secret) => {
      const key = formatKey(id, secret)
      const value = [...key.slice(-6)].reduce((sum, digit) => sum * 62 + alphabet.indexOf(digit), 0)
      assert.equal(value, crc32(key.slice(0, -6)))
    }),
  )
})

test('a key with any one character changed does not parse', () => {
  const { id, secret } = newKeyParts(randomBytes)
  const key = formatKey(id, secret)
  for (let i = 0; i < key.length; i++) {
    const other = key[i] === 'a' ? 'b' : 'a'
    assert.equal(parseKey(key.slice(0, i) + other + key.slice(i + 1)), undefined, `character ${i}`)
  }
})

test('other text is not a key', () => {
  const key = formatKey('0'.repeat(12), '0'.repeat(43))
  for (const text of ['', 'nxs_live_', `${key}\n`, ` ${key}`, key.toUpperCase(), key.slice(0, -1)]) {
    assert.equal(parseKey(text), undefined, JSON.stringify(text))
  }
})

test('new keys use no byte that would favour some letters, and ask again instead', () => {
  const asked: number[] = []
  const biasedFirst = (count: number) => {
    asked.push(count)
    return new Uint8Array(count).fill(asked.length === 1 ? 255 : 61)
  }
  const { id, secret } = newKeyParts(biasedFirst)
  assert.equal(id, 'z'.repeat(12))
  assert.equal(secret, 'z'.repeat(43))
  assert.deepEqual(asked, [12, 12, 43])
})
