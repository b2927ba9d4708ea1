import { equal } from 'node:assert/strict'
import { test } from 'node:test'
import { takeRandom } from './random-pool.ts'

test('nobody is given bytes that another was given', () => {
  const taken = Array.from({ length: 3000 }, (_, i) => takeRandom(12 + (i % 9)).toString('hex'))
  equal(new Set(taken.map((text) => text.slice(0, 24))).size, taken.length)
})
