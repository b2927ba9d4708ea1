import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import type { Principal } from '../core/context.ts'
import type { SharedCounts, WindowPart } from './ports.ts'
import { createRateLimits } from './rate-limits.ts'
import { createSharedWindows } from './shared-windows.ts'
import { fakeClock } from './testing/auth-under-test.ts'

const principal = (i: number): Principal => ({
  keyId: `key-${i}`,
  scopes: [],
  deviceId: null,
  agentId: null,
  secretTag: '',
  rateLimits: {},
})

/** A node whose engine the test plays: it answers with what the others are said to have spent. */
function startNode(options: { others?: number; limit?: number } = {}) {
  const clock = fakeClock(1_800_000_000_000)
  const asked: (readonly WindowPart[])[] = []
  const engine = { others: options.others ?? 0, nodes: 1, answer: async () => {} }
  const counts: SharedCounts = {
    async exchange(parts) {
      asked.push(parts)
      await engine.answer()
      return {
        nodes: engine.nodes,
        windows: parts.map(({ spent, endsInMs }) => ({ spent: spent + engine.others, endsInMs })),
      }
    },
    close: async () => {},
  }
  const shared = createSharedWindows({ counts, clock, log: { info: () => {}, warn: () => {} } })
  const limits = createRateLimits({ limits: { task: options.limit ?? 10 }, clock, shared })
  const spend = (key = 0) => limits.spend(principal(key), { rate: 'task' })
  return { clock, asked, engine, shared, spend }
}

test('what is spent while an exchange is under way is told by the next', async () => {
  const { asked, engine, shared, spend } = startNode()
  const answer = Promise.withResolvers<void>()
  engine.answer = () => answer.promise
  spend()
  const first = shared.exchange()
  spend()
  answer.resolve()
  await first
  await shared.exchange()
  deepEqual(
    asked.map(([part]) => part?.spent),
    [1, 2],
  )
})

test('an exchange tells only windows that were spent from since the last, and none that have ended', async () => {
  const { asked, clock, shared, spend } = startNode()
  spend(1)
  spend(2)
  await shared.exchange()
  spend(2)
  await shared.exchange()
  spend(1)
  clock.turn(60_000)
  await shared.exchange()
  deepEqual(
    asked.map((parts) => parts.map(({ window }) => window)),
    [['key:task:key-1', 'key:task:key-2'], ['key:task:key-2'], []],
  )
})

test('a window that is known to be spent is told no more, however many come', async () => {
  const { asked, shared, spend } = startNode({ others: 10 })
  equal(spend().exceeded, false)
  await shared.exchange()
  for (let i = 0; i < 100; i++) equal(spend().exceeded, true)
  await shared.exchange()
  deepEqual(
    asked.map((parts) => parts.length),
    [1, 0],
  )
})

test('what could not be told is told once the engine is back', async () => {
  const { asked, engine, shared, spend } = startNode()
  engine.answer = () => Promise.reject(new Error('away'))
  spend(1)
  await shared.exchange()
  spend(1)
  spend(2)
  await shared.exchange()
  engine.answer = async () => {}
  await shared.exchange()
  deepEqual(
    asked.at(-1)?.map(({ window, spent }) => [window, spent]),
    [
      ['key:task:key-1', 2],
      ['key:task:key-2', 1],
    ],
  )
})

test('many windows are told in several questions, none too large', async () => {
  const { asked, shared, spend } = startNode()
  for (let i = 0; i < 1201; i++) spend(i)
  await shared.exchange()
  deepEqual(
    asked.map((parts) => parts.length),
    [500, 500, 201],
  )
})

test('each window of a node is a part of its own, so that a later one adds to an earlier', async () => {
  const { asked, clock, shared, spend } = startNode()
  spend()
  await shared.exchange()
  clock.turn(60_000)
  spend()
  await shared.exchange()
  const [first, second] = asked.map(([part]) => part!)
  equal(first!.window, second!.window)
  equal(first!.part === second!.part, false)
  equal(second!.heard, false)
})

test('without the engine a limit is divided by the nodes that were last heard of, and rounded up', async () => {
  const { engine, shared, spend } = startNode({ limit: 10 })
  engine.nodes = 3
  await shared.exchange()
  engine.answer = () => Promise.reject(new Error('away'))
  await shared.exchange()
  const statuses = Array.from({ length: 5 }, () => spend())
  deepEqual(
    statuses.map(({ remaining, exceeded }) => [remaining, exceeded]),
    [
      [3, false],
      [2, false],
      [1, false],
      [0, false],
      [0, true],
    ],
  )
  equal(statuses[0]?.limit, 10)
})
