import { deepEqual, equal, notEqual } from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { seal, unseal } from './seal.ts'
import { sealedValues } from './sealed-values.ts'

test('what stands in a row as it was is not sealed anew; what is new, or stands elsewhere, is', () => {
  const key = { id: 'k1', bytes: randomBytes(32) }
  const values = sealedValues({
    seal: (place, text) => seal(key, place, text),
    unseal: (place, sealed) => unseal(key, place, sealed),
    derive: () => Buffer.alloc(32),
  })
  const value = { a: 1 }
  const sealed = values.seal('t', 'c', 'row', value)
  equal(values.seal('t', 'c', 'row', value), sealed)
  notEqual(values.seal('t', 'c', 'row', { a: 1 }), sealed)
  const elsewhere = values.seal('t', 'c', 'other row', value)
  notEqual(elsewhere, sealed)
  deepEqual(values.open('t', 'c', 'other row', elsewhere), value)
  const opened = values.open('t', 'c', 'row', sealed)
  deepEqual(opened, value)
  equal(values.seal('t', 'c', 'row', opened), sealed)
  equal(values.open('t', 'c', 'row', values.seal('t', 'c', 'row', 'a text')), 'a text')
})
