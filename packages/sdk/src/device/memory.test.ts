import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import type { JournalEntry } from './command.ts'
import { Memory } from './memory.ts'

const entry = (n: number, result: unknown = n) =>
  ({
    execution_id: `exe-${n}`,
    state: 'confirmed',
    order: {},
    outcome: { status: 'completed', result },
  }) as unknown as JournalEntry

test('the last thousand that ended are remembered, and no more', () => {
  const memory = new Memory()
  for (let n = 0; n < 1001; n++) memory.finish(entry(n))
  equal(memory.finished('exe-0'), undefined)
  deepEqual(memory.finished('exe-1')!.outcome!.result, 1)
})

test('large results are forgotten earlier, and one that is finished again is counted once', () => {
  const memory = new Memory()
  const large = 'x'.repeat(1024 * 1024)
  for (let n = 0; n < 20; n++) memory.finish(entry(0, large))
  equal(memory.finished('exe-0')!.outcome!.result, large)
  for (let n = 1; n < 17; n++) memory.finish(entry(n, large))
  equal(memory.finished('exe-0'), undefined)
  equal(memory.finished('exe-16')!.outcome!.result, large)
})
