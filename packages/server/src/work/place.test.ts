import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import type { Changed } from './item.ts'
import { Place } from './place.ts'
import { Waiters } from './waiters.ts'

const queue = { kind: 'task' as const, queue: 'q' }
const wanted = (worker: string, max: number) => ({ queues: [queue], worker, max })
const never = new AbortController().signal
const taken = (...ids: string[]) => ids.map((id) => ({ after: { id } }) as Changed)
const idsOf = (found: readonly Changed[] | undefined) => found?.map(({ after }) => after.id)
const nobodyIsMine = () => false

/** One who waits. */
function waiting(max: number): Place {
  const place = new Place(wanted('w', max))
  place.search()
  place.wait()
  return place
}

test('what was claimed for one whose search is tried again is his, and he searches for no more', async () => {
  const place = waiting(1)
  place.reserve()
  equal(place.search(), false)
  place.settle(taken('a'))
  equal(place.search(), false)
  deepEqual(idsOf(await place.settled(never)), ['a'])
})

test('whose claim came to nothing waits on, and searches again when he is woken', async () => {
  const place = waiting(1)
  place.reserve()
  place.wake()
  place.settle([])
  equal(await place.settled(never), undefined)
  equal(place.search(), true)
})

test('whoever several transactions claim for is told of all once the last of them is over', async () => {
  const place = waiting(3)
  place.reserve()
  equal(place.isFree, false)
  place.claimed(1)
  deepEqual([place.isShareable, place.room], [true, 2])
  place.reserve()
  place.claimed(2)
  equal(place.isShareable, false)
  const told = place.settled(never)
  place.settle(taken('a'))
  equal(place.isReserved, true)
  place.settle(taken('b', 'c'))
  deepEqual(idsOf(await told), ['a', 'b', 'c'])
})

test('of transactions that rolled back nothing comes, and if all did he waits as before', async () => {
  const place = waiting(2)
  for (let n = 0; n < 2; n++) place.reserve()
  const told = place.settled(never)
  place.settle([])
  place.settle([])
  deepEqual([place.isFree, place.room], [true, 2])
  for (let n = 0; n < 2; n++) place.reserve()
  place.settle([])
  place.settle(taken('a'))
  deepEqual(idsOf(await told), ['a'])
})

test('whoever left, or is to look again, is given no more, and leaves once all that was claimed for him is settled', async () => {
  const place = waiting(5)
  const leaving = new AbortController()
  const told = place.settled(leaving.signal)
  place.reserve()
  place.claimed(1)
  place.reserve()
  leaving.abort()
  equal(place.isShareable, false)
  place.settle([])
  place.settle(taken('b'))
  deepEqual(idsOf(await told), ['b'])
  const woken = waiting(5)
  woken.reserve()
  woken.wake()
  equal(woken.isShareable, false)
})

test('a place is shared in the order of the line, by others than those who have reserved it', () => {
  const waiters = new Waiters(() => {})
  const [first, second] = ['first', 'second'].map((worker) => {
    const place = waiters.join(wanted(worker, 2))
    place.search()
    place.wait()
    return place
  })
  equal(waiters.share(queue, nobodyIsMine), undefined)
  equal(waiters.reserve(queue), first)
  equal(waiters.reserve(queue), second)
  equal(waiters.share(queue, nobodyIsMine), first)
  equal(
    waiters.share(queue, (place) => place === first),
    second,
  )
})
