import { deepEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { caughtUp } from './catch-up.ts'

test('what was known and is not found is left, but not what becomes known meanwhile, nor by a list that is cut off', async () => {
  for (const { max, left } of [
    { max: 3, left: ['gone'] },
    { max: 2, left: [] },
  ]) {
    const known = new Map([
      ['gone', 1],
      ['there', 1],
    ] as const) as Map<string, number>
    const seen: string[] = []
    const read = async () => {
      known.set('new', 1)
      return [
        ['there', 2],
        ['other', 2],
      ] as const
    }
    const found = await caughtUp(known, max, read, (id) => void seen.push(id))
    deepEqual([seen, [...found.keys()]], [left, ['there', 'other']])
  }
})
