import { deepEqual, equal } from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { openState } from '../storage/state/index.ts'
import { enginesUnderTest } from '../storage/state/testing/engines-under-test.ts'
import { until } from '../testing/until.ts'
import { createElsewhere } from './elsewhere.ts'
import type { QueueName } from './ports.ts'
import { engineOver, newWork } from './testing/engine-room.ts'
import { Waiters } from './waiters.ts'

const { skip, fresh } = (await enginesUnderTest()).find(({ name }) => name === 'PostgreSQL')!
const never = new AbortController().signal

/** One waits at a process, where nothing is looked for now and then, and another adds work: what is he given? */
async function givenElsewhere(t: TestContext, queue: string): Promise<string[]> {
  const options = await fresh(t)
  const states = [await openState(options), await openState(options)] as const
  const here = engineOver(states[0], Date.now)
  const there = engineOver(states[1], Date.now)
  const given = there.work.lease({ queues: [{ kind: 'task', queue }], worker: 'w', max: 1 }, never)
  let isHeard = false
  states[1].signals.listen('test', () => {
    isHeard = true
  })
  await until('signals are heard', async () => {
    states[0].signals.tell('test', 'a')
    return isHeard
  })
  await until('he has looked in vain', async () => there.writes.done === 1)
  await here.store.write((tx) => here.work.enqueue(tx, [newWork('a', { queue })]))
  const items = await given
  for (const state of states) await state.close()
  return items.map(({ id }) => id)
}

test('who waits at one process is given what another makes ready', { skip: skip ?? false }, async (t) => {
  for (const queue of ['q', 'default a name']) deepEqual(await givenElsewhere(t, queue), ['a'])
})

test('what was announced and not heard is found all the same', async () => {
  const queue = { kind: 'task' as const, queue: 'q' }
  const waiters = new Waiters(() => {})
  const place = waiters.join({ queues: [queue], worker: 'w', max: 1 })
  place.search()
  place.wait()
  const store = { onAnnounced: () => {}, readyAmong: async (queues: readonly QueueName[]) => [...queues] }
  const elsewhere = createElsewhere({ store, waiters } as never, () => {}, 1)
  elsewhere.start()
  equal(await place.settled(never), undefined)
  equal(place.isWoken, true)
  await elsewhere.stop()
})
