import { equal, match, notEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { newIdAt } from './ids.ts'

test('ids with an instant are in the order of time, and no two of one instant are the same', () => {
  const instants = [0, 1, 35, 36, 1_762_000_000_000, 1_762_000_000_001, 32_503_680_000_000]
  const ids = instants.map((at) => newIdAt('cmd', at))
  equal(ids.toSorted().join(), ids.join())
  match(ids[4]!, /^cmd-[0-9a-z]{25}$/)
  notEqual(newIdAt('cmd', 5), newIdAt('cmd', 5))
})
