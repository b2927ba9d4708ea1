import { throws } from 'node:assert/strict'
import { test } from 'node:test'
import { checkShape } from './json.ts'

const refusal = (issue: RegExp) => (error: { details: { issue: string } }) => issue.test(error.details.issue)

test('a body may have a long list of numbers, and neither too many keys nor elements, wherever they are', () => {
  checkShape({ result: { samples: Array.from({ length: 90_000 }, (_, n) => n) } })
  const keys = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`k${n}`, n]))
  checkShape([keys(5000), keys(5000)])
  throws(() => checkShape([keys(5000), keys(5001)]), refusal(/more than 10000 keys/))
  const list = Array.from({ length: 50_000 }, () => 1)
  throws(() => checkShape({ a: list, b: [...list, 1] }), refusal(/more than 100000 elements/))
  throws(() => checkShape({ a: [{ b: '\ud800' }] }), refusal(/Unicode/))
})
