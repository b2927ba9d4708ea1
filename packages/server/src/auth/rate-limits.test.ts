import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import { rateDefaults } from '@nexus/contract'
import type { Principal } from '../core/context.ts'
import { createRateLimits } from './rate-limits.ts'
import { Windows } from './windows.ts'

const start = 1_800_000_000_500
const principal: Principal = { keyId: 'key-a', scopes: [], deviceId: null, agentId: null, rateLimits: {} }

test('the limit is reached exactly, and a new window opens 60 s after the first hit', () => {
  const clock = fakeClock()
  const limits = createRateLimits({ limits: { task: 2 }, clock })
  deepEqual(limits.spend(principal, 'task'), { limit: 2, remaining: 1, reset: 1_800_000_061, exceeded: false })
  clock.turn(30_000)
  deepEqual(limits.spend(principal, 'task'), { limit: 2, remaining: 0, reset: 1_800_000_061, exceeded: false })
  deepEqual(limits.spend(principal, 'task'), { limit: 2, remaining: 0, reset: 1_800_000_061, exceeded: true })
  clock.turn(29_999)
  equal(limits.spend(principal, 'task').exceeded, true)
  clock.turn(1)
  deepEqual(limits.spend(principal, 'task'), { limit: 2, remaining: 1, reset: 1_800_000_121, exceeded: false })
})

test('buckets, keys and addresses are counted apart', () => {
  const limits = createRateLimits({ limits: { task: 1, other: 1 }, clock: fakeClock() })
  equal(limits.spend(principal, 'task').exceeded, false)
  equal(limits.spend(principal, 'other').exceeded, false)
  equal(limits.spend({ ...principal, keyId: 'key-b' }, 'task').exceeded, false)
  equal(limits.spendAddress('192.0.2.1', 'other').exceeded, false)
  equal(limits.spendAddress('192.0.2.2', 'other').exceeded, false)
  equal(limits.spendAddress('192.0.2.1', 'other').exceeded, true)
})

test('the addresses of one IPv6 network share a window', () => {
  const limits = createRateLimits({ limits: { other: 1 }, clock: fakeClock() })
  equal(limits.spendAddress('2001:db8:1:2::1', 'other').exceeded, false)
  equal(limits.spendAddress('2001:db8:1:2::2', 'other').exceeded, true)
})

test('a limit of the key itself wins, and what the operator leaves out keeps the default', () => {
  const limits = createRateLimits({ limits: { task: 7 }, clock: fakeClock() })
  equal(limits.spend({ ...principal, rateLimits: { task: 3 } }, 'task').limit, 3)
  equal(limits.spend({ ...principal, keyId: 'key-b' }, 'task').limit, 7)
  equal(limits.spend(principal, 'ai').limit, rateDefaults.ai)
})

test('off never exceeds and still reports', () => {
  const limits = createRateLimits({ limits: 'off', clock: fakeClock() })
  for (let i = 0; i < rateDefaults.command; i++) limits.spend(principal, 'command')
  deepEqual(limits.spend(principal, 'command'), { limit: 100, remaining: 0, reset: 1_800_000_061, exceeded: false })
})

test('a clock that is set back begins a new window', () => {
  const clock = fakeClock()
  const limits = createRateLimits({ limits: { task: 1 }, clock })
  limits.spend(principal, 'task')
  clock.turn(-3_600_000)
  equal(limits.spend(principal, 'task').exceeded, false)
})

test('the table of windows is bounded: the expired give way first, then the oldest', () => {
  const windows = new Windows(3)
  windows.at('a', 0).spent = 1
  windows.at('b', 10).spent = 2
  windows.at('c', 20).spent = 3
  windows.at('d', 60_005)
  equal(windows.size, 3)
  equal(windows.peek('b', 60_005)?.spent, 2)
  windows.at('e', 60_006)
  equal(windows.size, 3)
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
