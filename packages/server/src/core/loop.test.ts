import { deepEqual, equal } from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { createLoop, type LoopOptions } from './loop.ts'

/** A loop whose turns the test lets end, on a clock that the test turns. */
function startLoop(t: TestContext, options: Partial<LoopOptions> = {}) {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const turns: PromiseWithResolvers<void>[] = []
  const failures: unknown[] = []
  const loop = createLoop({
    run: () => {
      const turn = Promise.withResolvers<void>()
      turns.push(turn)
      return turn.promise
    },
    onError: (cause) => failures.push(cause),
    ...options,
  })
  return {
    loop,
    failures,
    begun: () => turns.length,
    async end(error?: Error) {
      const turn = turns.at(-1)!
      if (error) turn.reject(error)
      else turn.resolve()
      await settled()
    },
    pass: (ms: number) => t.mock.timers.tick(ms),
  }
}

test('a turn begins after each rest, and never while another runs', async (t) => {
  const { loop, begun, end, pass } = startLoop(t, { restMs: 100 })
  loop.start()
  pass(99)
  equal(begun(), 0)
  pass(1)
  equal(begun(), 1)
  pass(1000)
  equal(begun(), 1)
  await end()
  pass(100)
  equal(begun(), 2)
})

test('without a time to rest a turn comes when it is woken, and only then', async (t) => {
  const { loop, begun, end, pass } = startLoop(t)
  loop.start()
  pass(1_000_000)
  equal(begun(), 0)
  loop.wake()
  pass(1)
  equal(begun(), 1)
  await end()
  pass(1_000_000)
  equal(begun(), 1)
})

test('a wake before the start, and during a turn, is kept; many are one', async (t) => {
  const { loop, begun, end, pass } = startLoop(t)
  loop.wake()
  loop.start()
  pass(1)
  equal(begun(), 1)
  for (let i = 0; i < 3; i++) loop.wake()
  await end()
  pass(1)
  equal(begun(), 2)
  await end()
  pass(1_000_000)
  equal(begun(), 2)
})

test('the pause after a turn is kept although the loop is woken, and is part of the rest', async (t) => {
  const { loop, begun, end, pass } = startLoop(t, { restMs: 100, pauseMs: 20 })
  loop.start()
  loop.wake()
  pass(1)
  equal(begun(), 1)
  await end()
  loop.wake()
  pass(19)
  equal(begun(), 1)
  pass(1)
  equal(begun(), 2)
  await end()
  pass(20)
  pass(79)
  equal(begun(), 2)
  pass(1)
  equal(begun(), 3)
})

test('a turn that failed is told, and followed by another after a second, woken or not', async (t) => {
  for (const woken of [true, false]) {
    const { loop, begun, end, pass, failures } = startLoop(t)
    loop.start()
    loop.wake()
    pass(1)
    const failure = new Error('no')
    await end(failure)
    deepEqual(failures, [failure])
    if (woken) loop.wake()
    pass(999)
    equal(begun(), 1)
    pass(1)
    equal(begun(), 2)
    t.mock.timers.reset()
  }
})

test('a stop waits for the turn under way, and no other begins, woken or not', async (t) => {
  const { loop, begun, end, pass } = startLoop(t, { restMs: 10 })
  loop.start()
  pass(10)
  let stopped = false
  const stop = loop.stop().then(() => {
    stopped = true
  })
  loop.wake()
  await settled()
  equal(stopped, false)
  await end()
  await stop
  loop.wake()
  pass(1_000_000)
  equal(begun(), 1)
})

/** Lets everything run that waits for nothing else. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
