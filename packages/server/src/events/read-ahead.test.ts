import { deepEqual, equal, throws } from 'node:assert/strict'
import { test } from 'node:test'
import { ReadAhead } from './read-ahead.ts'

test('items are taken in their turn, one is read ahead and no more, and what fails is thrown in its place', async () => {
  let read = 0
  async function* items() {
    for (; read < 3; ) yield { n: ++read }
    throw new Error('gone')
  }
  let told = Promise.withResolvers<void>()
  const ahead = new ReadAhead(items(), () => told.resolve())
  for (const n of [1, 2, 3]) {
    equal(ahead.take(), undefined)
    await told.promise
    told = Promise.withResolvers()
    deepEqual([ahead.isReady, read], [true, n])
    deepEqual(ahead.take(), { n })
  }
  await told.promise
  throws(() => ahead.take(), /gone/)
})

test('what brings nothing more is over', async () => {
  const told = Promise.withResolvers<void>()
  const none: AsyncIterator<object, unknown> = { next: async () => ({ done: true, value: undefined }) }
  const ahead = new ReadAhead(none, told.resolve)
  equal(ahead.isOver, false)
  await told.promise
  deepEqual([ahead.isOver, ahead.take()], [true, undefined])
})
