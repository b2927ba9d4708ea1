import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import type { Input } from '@nexus/contract'
import { openTasksRoom, type TasksRoom } from '../testing/tasks-room.ts'

const waiting = {
  type: 'event_driven',
  trigger: { event_types: ['device.registered'] },
  parameters: { device: '\u0024{event.data.device_id}' },
} satisfies Partial<Input<'tasks.create'>>

const register = (room: TasksRoom, device_id: string) => room.call('devices.put', { device_id })

async function devicesOf(room: TasksRoom, task_id: string): Promise<unknown[]> {
  return (await room.runs(task_id)).map(({ parameters }) => parameters.device)
}

test('what comes during a pause makes no run, what came before has one that waits', async (t) => {
  const room = await openTasksRoom(t)
  const { task_id } = await room.create(waiting)
  await register(room, 'before')
  await room.call('tasks.pause', { task_id })
  deepEqual(await room.stands(task_id), ['queued/paused'])
  await register(room, 'meanwhile')
  await room.pass(1000)
  await room.call('tasks.resume', { task_id })
  await room.pass(1000)
  await register(room, 'after')
  await room.tasks.sweep()
  deepEqual(await devicesOf(room, task_id), ['before', 'after'])
  equal((await room.lease()).length, 2)
})

test('an event whose debounce a pause cuts short waits as a run, the last one of its key', async (t) => {
  const room = await openTasksRoom(t)
  const trigger = { ...waiting.trigger, debounce_seconds: 60 }
  const { task_id } = await room.create({ ...waiting, trigger })
  for (const device_id of ['first', 'last']) await register(room, device_id)
  await room.pass(1000)
  await room.call('tasks.pause', { task_id })
  deepEqual(await room.stands(task_id), ['queued/paused'])
  await room.pass(120_000)
  await room.call('tasks.resume', { task_id })
  await room.pass(120_000)
  deepEqual(await devicesOf(room, task_id), ['last'])
})

test('an event that is still on its way to many tasks when one is paused, or was paused for a while, counts by when it came', async (t) => {
  const room = await openTasksRoom(t)
  const ids: string[] = []
  for (let n = 0; n < 12; n++) ids.push((await room.call('tasks.create', { name: 'x', ...waiting })).task_id)
  const [paused, resumed, ...others] = ids as [string, string, ...string[]]
  await register(room, 'before')
  room.clock.at += 1
  for (const task_id of [paused, resumed]) await room.call('tasks.pause', { task_id })
  room.clock.at += 1
  await register(room, 'meanwhile')
  room.clock.at += 1
  await room.call('tasks.resume', { task_id: resumed })
  await register(room, 'after')
  await room.tasks.sweep()
  deepEqual(await room.stands(paused), ['queued/paused'])
  deepEqual(await devicesOf(room, resumed), ['before', 'after'])
  for (const task_id of others) deepEqual(await devicesOf(room, task_id), ['before', 'meanwhile', 'after'])
})

test('events that came while it had ended make it run no more, when it may run again', async (t) => {
  const room = await openTasksRoom(t)
  const { task_id } = await room.create({ ...waiting, max_runs: 1 })
  await register(room, 'first')
  await room.tasks.sweep()
  room.clock.at += 1
  await register(room, 'meanwhile')
  room.clock.at += 1
  await room.call('tasks.update', { task_id, max_runs: 2 })
  await room.tasks.sweep()
  await register(room, 'second')
  await room.tasks.sweep()
  deepEqual(await devicesOf(room, task_id), ['first', 'second'])
})

test('a worker that says that a key was revoked pauses nothing: only Nexus knows', async (t) => {
  const room = await openTasksRoom(t)
  const { task_id } = await room.create({ type: 'scheduled', schedule: { every: '1h' } })
  await room.execute(task_id)
  const [order] = await room.lease()
  const { run_id, lease_token } = order!
  const error = { code: 'key_revoked', message: 'not mine', retryable: false }
  await room.call('runs.fail', { run_id, lease_token, error })
  deepEqual(await room.stands(task_id), ['failed/key_revoked'])
  equal((await room.get(task_id)).status, 'scheduled')
})
