import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import type { Principal } from '../core/context.ts'
import { createRateLimits } from './rate-limits.ts'
import { Windows } from './windows.ts'

const start = 1_800_000_000_500
const principal: Principal = {
  keyId: 'key-a',
  scopes: [],
  deviceId: null,
  agentId: null,
  rateLimits: {},
  secretTag: '',
}
const task = { bucket: 'task', reserved: 0 }

test('the limit is reached exactly, and a new window opens 60 s after the first hit', () => {
  const clock = fakeClock()
  const limits = createRateLimits({ limits: { task: 2 }, clock })
  deepEqual(limits.spend(principal, { rate: 'task' }), {
    ...task,
    limit: 2,
    remaining: 1,
    reset: 1_800_000_061,
    exceeded: false,
  })
  clock.turn(30_000)
  deepEqual(limits.spend(principal, { rate: 'task' }), {
    ...task,
    limit: 2,
    remaining: 0,
    reset: 1_800_000_061,
    exceeded: false,
  })
  deepEqual(limits.spend(principal, { rate: 'task' }), {
    ...task,
    limit: 2,
    remaining: 0,
    reset: 1_800_000_061,
    exceeded: true,
  })
  clock.turn(29_999)
  equal(limits.spend(principal, { rate: 'task' }).exceeded, true)
  clock.turn(1)
  deepEqual(limits.spend(principal, { rate: 'task' }), {
    ...task,
    limit: 2,
    remaining: 1,
    reset: 1_800_000_121,
    exceeded: false,
  })
})

test('a clock that is set back begins a new window', () => {
  const clock = fakeClock()
  const limits = createRateLimits({ limits: { task: 1 }, clock })
  limits.spend(principal, { rate: 'task' })
  clock.turn(-3_600_000)
  equal(limits.spend(principal, { rate: 'task' }).exceeded, false)
})

test('the table of windows is bounded: the expired give way first, then the oldest', () => {
  const windows = new Windows(3)
  windows.at('a', 0).spent = 1
  windows.at('b', 10).spent = 2
  windows.at('c', 20).spent = 3
  windows.at('d', 60_005)
  equal(windows.peek('a', 1), undefined)
  equal(windows.peek('b', 60_005)?.spent, 2)
  windows.at('e', 60_006)
  equal(windows.peek('b', 60_006), undefined)
  equal(windows.peek('c', 60_006)?.spent, 3)
})

function fakeClock() {
  let now = start
  return {
    now: () => now,
    turn(ms: number) {
      now += ms
    },
  }
}
