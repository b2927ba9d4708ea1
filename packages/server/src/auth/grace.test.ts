import { equal, throws } from 'node:assert/strict'
import { test } from 'node:test'
import { parseGrace } from './grace.ts'

const graces: [grace: string, ms: number][] = [
  ['0s', 0],
  ['90s', 90_000],
  ['5m', 300_000],
  ['24h', 86_400_000],
  ['720h', 2_592_000_000],
  ['30d', 2_592_000_000],
]
for (const [grace, ms] of graces) test(`${grace} is ${ms} ms`, () => equal(parseGrace(grace), ms))

for (const grace of ['31d', '721h', '99999d']) {
  test(`${grace} is too long`, () => throws(() => parseGrace(grace), { code: 'VALIDATION_ERROR' }))
}
