import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import { MessageRate } from './message-rate.ts'

const takeMany = (rate: MessageRate, count: number, now: number) => {
  const taken = { taken: 0, refused: 0, exceeded: 0 }
  for (let i = 0; i < count; i++) taken[rate.take(now)]++
  return taken
}

test('a hundred messages come through at once, and then fifty a second', () => {
  const rate = new MessageRate(0)
  deepEqual(takeMany(rate, 120, 0), { taken: 100, refused: 20, exceeded: 0 })
  deepEqual(takeMany(rate, 30, 500), { taken: 25, refused: 5, exceeded: 0 })
  deepEqual(takeMany(rate, 100, 10_000), { taken: 100, refused: 0, exceeded: 0 })
})

test('who goes on after a hundred refusals exceeds the rate, unless it has rested in between', () => {
  const rate = new MessageRate(0)
  takeMany(rate, 200, 0)
  equal(rate.take(0), 'exceeded')
  const rested = new MessageRate(0)
  takeMany(rested, 200, 0)
  deepEqual(takeMany(rested, 150, 5000), { taken: 100, refused: 50, exceeded: 0 })
})
