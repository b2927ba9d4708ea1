import { equal } from 'node:assert/strict'
import { test } from 'node:test'
import { Place } from './place.ts'
import type { Taken } from './ports.ts'

const never = new AbortController().signal
const taken = [{ before: {}, after: {} }] as Taken[]

/** One who has searched in vain. */
function waiting(): Place {
  const place = new Place({ queues: [], worker: 'w', max: 1 })
  equal(place.look(), true)
  place.wait()
  return place
}

test('what was claimed for one whose search is tried again is his, and he searches for no more', async () => {
  const place = waiting()
  place.reserve()
  equal(place.look(), false)
  place.settle(taken)
  equal(place.look(), false)
  equal(await place.settled(never), taken)
})

test('whose claim came to nothing waits on, and searches again when he is woken', async () => {
  const place = waiting()
  place.reserve()
  place.wake()
  place.settle([])
  equal(await place.settled(never), undefined)
  equal(place.look(), true)
})
