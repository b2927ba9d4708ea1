import { equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { jitterMs } from './jitter.ts'

const tick = Date.parse('2026-01-01T00:00:00Z')
const minute = 60_000

test('the same task and tick are late by the same, others by another', () => {
  equal(jitterMs('task-a', tick, 300), jitterMs('task-a', tick, 300))
  ok(jitterMs('task-a', tick, 300) !== jitterMs('task-b', tick, 300))
  ok(jitterMs('task-a', tick, 300) !== jitterMs('task-a', tick + minute, 300))
  equal(jitterMs('task-a', tick, 0), 0)
})

test('over tasks and over ticks, delays are spread evenly from none to the longest', () => {
  const overTasks = Array.from({ length: 10_000 }, (_, index) => jitterMs(`task-${index}`, tick, 10))
  const overTicks = Array.from({ length: 10_000 }, (_, index) => jitterMs('task-a', tick + index * minute, 10))
  for (const delays of [overTasks, overTicks]) {
    ok(delays.every((delay) => Number.isInteger(delay) && delay >= 0 && delay <= 10_000))
    const tenths = Array.from(
      { length: 10 },
      (_, tenth) => delays.filter((delay) => Math.floor(delay / 1000.1) === tenth).length,
    )
    ok(
      tenths.every((count) => count > 880 && count < 1120),
      tenths.join(),
    )
  }
})

test('both ends of the range are reached', () => {
  const delays = new Set(Array.from({ length: 100_000 }, (_, index) => jitterMs(`task-${index}`, tick, 1)))
  ok(delays.has(0) && delays.has(1000))
  equal(delays.size, 1001)
})
