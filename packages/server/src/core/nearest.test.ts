import { equal } from 'node:assert/strict'
import { test } from 'node:test'
import { nearest } from './nearest.ts'

const known = ['cursor', 'limit', 'device_id', 'tags', 'aggregation']

const rows: [name: string, meant: string | undefined][] = [
  ['curser', 'cursor'],
  ['Limit', 'limit'],
  ['deviceid', 'device_id'],
  ['agg', 'aggregation'],
  ['tag', 'tags'],
  ['colour', undefined],
  ['', undefined],
  ['x'.repeat(1_000_000), undefined],
]
for (const [name, meant] of rows) {
  test(`'${name.slice(0, 10)}' is taken for ${meant ?? 'none'}`, () => equal(nearest(name, known), meant))
}
