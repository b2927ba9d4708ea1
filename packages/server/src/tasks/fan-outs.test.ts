import { deepEqual, equal, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import { type Input, taskLimits } from '@nexus/contract'
import type { Tx } from '../core/context.ts'
import type { Failure } from '../core/failure.ts'
import { enginesUnderTest } from '../storage/state/testing/engines-under-test.ts'
import { openTasksRoom, type TasksRoom } from '../testing/tasks-room.ts'
import { EventDepths } from './event-depths.ts'

const waiting = {
  type: 'event_driven',
  trigger: { event_types: ['device.registered'] },
} satisfies Partial<Input<'tasks.create'>>

async function createMany(room: TasksRoom, count: number, more: Partial<Input<'tasks.create'>> = {}) {
  const ids: string[] = []
  for (let n = 0; n < count; n++)
    ids.push((await room.call('tasks.create', { name: 'x', ...waiting, ...more })).task_id)
  return ids
}

/** Of which events a task has runs, in the order in which they were made. */
async function devicesOf(room: TasksRoom, task_id: string): Promise<unknown[]> {
  return (await room.runs(task_id)).map(({ parameters }) => parameters.device)
}

const device = { parameters: { device: '\u0024{event.data.device_id}' } }

for (const { name, skip, fresh } of await enginesUnderTest()) {
  test(`${name}: an event that many tasks wait for is one row to its publisher, and makes each of them run once, on whichever node`, {
    skip: skip ?? false,
  }, async (t) => {
    const options = await fresh(t)
    const room = await openTasksRoom(t, options)
    const ids = await createMany(room, 120, device)
    const nodes = [room]
    // It has not heard of these tasks.
    if (name === 'PostgreSQL') nodes.unshift(await openTasksRoom(t, { ...options, clock: room.clock }))
    for (const device_id of ['a', 'b']) await room.call('devices.put', { device_id })
    equal((await room.store.fanOuts(10)).length, 2)
    deepEqual(await room.store.signals(10, []), [])
    await Promise.all(nodes.map((node) => node.tasks.sweep()))
    for (const id of ids) deepEqual((await devicesOf(room, id)).toSorted(), ['a', 'b'])
    deepEqual(await room.store.fanOuts(10), [])
    for (const node of nodes) deepEqual(node.errors, [])
  })

  test(`${name}: what breaks off between two steps goes on where it was`, { skip: skip ?? false }, async (t) => {
    const room = await openTasksRoom(t, await fresh(t))
    const ids = await createMany(room, 120, device)
    await room.call('devices.put', { device_id: 'a' })
    const { moveFanOut } = room.store
    let steps = 0
    room.store.moveFanOut = async (...said) => {
      if (++steps === 2) throw new Error('killed')
      return moveFanOut(...said)
    }
    await rejects(room.tasks.sweep(), /killed/)
    equal((await room.store.signals(1000, [])).length, 50)
    await room.tasks.sweep()
    for (const id of ids) deepEqual(await devicesOf(room, id), ['a'])
  })
}

test('when as many events as may wait to be fanned out do, the next comes to nothing, until some are done', async (t) => {
  const room = await openTasksRoom(t, { fanOutsMax: 2 })
  const ids = await createMany(room, 12, device)
  for (const device_id of ['a', 'b']) await room.call('devices.put', { device_id })
  await rejects(room.call('devices.put', { device_id: 'c' }), (failure: Failure) => {
    return failure.code === 'SERVICE_UNAVAILABLE' && failure.details.reason === 'too_many_events'
  })
  await rejects(room.call('devices.get', { device_id: 'c' }), { code: 'NOT_FOUND' })
  await room.tasks.sweep()
  await room.call('devices.put', { device_id: 'c' })
  await room.tasks.sweep()
  for (const id of ids) deepEqual((await devicesOf(room, id)).toSorted(), ['a', 'b', 'c'])
})

test('an event that cannot be fanned out holds up no other', async (t) => {
  const room = await openTasksRoom(t)
  const [id] = await createMany(room, 20, device)
  for (const device_id of ['a', 'b']) await room.call('devices.put', { device_id })
  const [first] = await room.store.fanOuts(1)
  const { lockFanOut } = room.store
  room.store.lockFanOut = async (tx, fanOutId) => {
    if (fanOutId === first) throw new Error('broken')
    return lockFanOut(tx, fanOutId)
  }
  await rejects(room.tasks.sweep(), /broken/)
  room.store.lockFanOut = lockFanOut
  deepEqual(await room.store.fanOuts(10), [first])
  await room.tasks.sweep()
  deepEqual((await devicesOf(room, id!)).toSorted(), ['a', 'b'])
})

test('of very many tasks an event makes those run that it is for, and none that came after it', async (t) => {
  const room = await openTasksRoom(t)
  const filters = (device_id: string) => ({ trigger: { ...waiting.trigger, filters: { device_id } } })
  await createMany(room, 1010, filters('other'))
  const [before] = await createMany(room, 1, { ...filters('a'), ...device })
  await room.call('devices.put', { device_id: 'a' })
  room.clock.at += 1
  const [after] = await createMany(room, 1, { ...filters('a'), ...device })
  await room.tasks.sweep()
  deepEqual(await devicesOf(room, before!), ['a'])
  deepEqual(await devicesOf(room, after!), [])
})

test('a task that leaves or comes while an event is under way leads to no second run of another', async (t) => {
  const room = await openTasksRoom(t)
  const ids = await createMany(room, 120, device)
  await room.call('devices.put', { device_id: 'a' })
  const { moveFanOut } = room.store
  room.store.moveFanOut = async (tx, fanOutId, afterTask) => {
    if (afterTask !== null) {
      room.store.afterCommit(tx, () => {
        const gone = ids.shift()!
        void room.call('tasks.delete', { task_id: gone, force: true, active: 'cancel' }).catch((cause) => {
          room.errors.push(cause)
        })
      })
    }
    return moveFanOut(tx, fanOutId, afterTask)
  }
  await room.tasks.sweep()
  for (const id of ids) deepEqual(await devicesOf(room, id), ['a'])
  deepEqual(room.errors, [])
})

test('more tasks for events than may be are refused, and none is left out in silence', async (t) => {
  const room = await openTasksRoom(t, { eventTasksMax: 2 })
  const [first] = await createMany(room, 2)
  await rejects(room.create(waiting), (error: Failure) => {
    const { reason, limit, issue } = error.details
    return error.code === 'CONFLICT' && reason === 'too_many_event_tasks' && limit === 2 && /delete/.test(issue!)
  })
  await room.create({ type: 'one_time' })
  await room.call('tasks.delete', { task_id: first! })
  await room.create(waiting)
  equal(taskLimits.eventTasksMax, 10_000)
})

test('what led to an event is known once it was read, however many tasks it triggers, and read again after a failure', async () => {
  let reads = 0
  const tx = {} as Tx
  const depths = new EventDepths({
    async chain(id) {
      if (++reads === 1) throw new Error('away')
      const ofRun = { data: { run_id: 'run-1' } }
      return [ofRun, ofRun, { data: { id } }] as never
    },
  })
  await rejects(depths.of(tx, 'evt-1'), /away/)
  for (let n = 0; n < 50; n++) equal(await depths.of(tx, 'evt-1'), 1)
  equal(reads, 2)
})
