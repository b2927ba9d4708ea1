import { deepEqual, equal, rejects } from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Adder } from '../testing/adder-thread.ts'
import { startThread } from './thread.ts'

const file = new URL('../testing/adder-thread.ts', import.meta.url)

async function start(t: TestContext) {
  const thread = await startThread<Adder>(file, { start: 1 })
  t.after(() => thread.close())
  return thread
}

test('calls are carried out in their order, one that throws is told why, and the next is answered', async (t) => {
  const thread = await start(t)
  const calls = [thread.call('add', 1), thread.call('fail'), thread.call('add', 2)] as const
  await rejects(calls[1], { message: 'no' })
  deepEqual([await calls[0], await calls[2]], [2, 4])
})

test('bytes are moved there and back', async (t) => {
  const thread = await start(t)
  const bytes = Uint8Array.of(1, 2, 3)
  const doubled = thread.call('double', bytes)
  equal(bytes.byteLength, 0)
  deepEqual(await doubled, { bytes: Uint8Array.of(2, 4, 6) })
})

test('a thread that dies answers nothing any more, and says so to all who wait', async (t) => {
  const thread = await start(t)
  const calls = [thread.call('die'), thread.call('add', 1)]
  for (const call of calls) await rejects(call, /The thread has ended/)
  equal(thread.isAlive(), false)
  await rejects(thread.call('add', 1), /The thread has ended/)
  await thread.close()
})

test('a thread that is closed ends after the calls that were made', async () => {
  const thread = await startThread<Adder>(file, { start: 1 })
  const sum = thread.call('add', 1)
  await thread.close()
  equal(await sum, 2)
  equal(thread.isAlive(), false)
})

test('a service that cannot be opened is told to who starts it', async () => {
  await rejects(startThread<Adder>(file, 'broken'), /cannot be opened/)
})
