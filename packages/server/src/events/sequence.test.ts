import { deepEqual, equal, throws } from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setImmediate as endOfTick } from 'node:timers/promises'
import { openSequence } from './sequence.ts'

const block = 10_000_000

/** A sequence over a state that gives out numbers unless it is away. */
async function open(t: TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const state = { given: 0, away: false, errors: [] as unknown[] }
  const reserve = async () => {
    if (state.away) throw new Error('away')
    state.given += block
    return state.given - block + 1
  }
  const sequence = await openSequence({ reserve }, (cause) => state.errors.push(cause))
  const take = (count: number) => {
    for (let i = 1; i < count; i++) sequence.next()
    return sequence.next()
  }
  return { state, sequence, take }
}

test('numbers go on in the next block, which is asked for in good time', async (t) => {
  const { state, sequence, take } = await open(t)
  deepEqual([sequence.before, take(block / 2)], [0, block / 2])
  equal(state.given, block)
  take(2)
  await endOfTick()
  equal(state.given, 2 * block)
  equal(take(block / 2), block + 2)
})

test('numbers run out while the state is away, and go on a second after it is back', async (t) => {
  const { state, sequence, take } = await open(t)
  state.away = true
  equal(take(block), block)
  equal(sequence.exhausted, true)
  throws(() => sequence.next(), { code: 'SERVICE_UNAVAILABLE' })
  await endOfTick()
  equal(state.errors.length, 1)
  state.away = false
  t.mock.timers.tick(1000)
  await endOfTick()
  deepEqual([sequence.exhausted, sequence.next()], [false, block + 1])
})

test('a sequence that was stopped asks for no more numbers', async (t) => {
  const { state, sequence, take } = await open(t)
  state.away = true
  take(block)
  sequence.stop()
  await endOfTick()
  state.away = false
  t.mock.timers.tick(1000)
  await endOfTick()
  deepEqual([sequence.exhausted, state.given, state.errors.length], [true, block, 0])
})
