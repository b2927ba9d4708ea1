import { deepEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { isDeafTo } from './record.ts'

test('events of a pause make no run, also after it is over, and while there is another', () => {
  const deaf = { from: 10, to: 20 }
  const deafAt = (pausedAt: number | null) =>
    [5, 10, 15, 20, 24, 25, 30].filter((at) => isDeafTo({ pausedAt, deaf }, at))
  deepEqual(deafAt(null), [10, 15])
  deepEqual(deafAt(25), [10, 15, 25, 30])
  deepEqual(isDeafTo({ pausedAt: null, deaf: null }, 15), false)
})
