import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import { checkEventData } from '../testing/event-data.ts'
import { openTasksRoom } from '../testing/tasks-room.ts'

test('events of tasks say what the contract has of them, and each run has one that tells of its end', async (t) => {
  const room = await openTasksRoom(t)
  const schedule = { every: '1m' }
  const { task_id } = await room.create({ type: 'scheduled', schedule, tags: { a: 'b' }, timeout_seconds: 20 })
  await room.pass(60_000)
  const [order] = await room.lease()
  const held = { run_id: order!.run_id, lease_token: order!.lease_token }
  await room.call('runs.heartbeat', { ...held, progress: { percent: 5, message: 'begun' } })
  await room.fail(order!, { retry_after_seconds: 1 })
  await room.pass(60_000)
  for (const one of await room.lease()) await room.complete(one, { n: 1 })
  await room.pass(60_000)
  const [slow] = await room.lease()
  await room.pass(20_000)
  equal(slow !== undefined, true)
  const cancelled = await room.execute(task_id)
  await room.call('runs.cancel', { run_id: cancelled })
  await room.call('tasks.update', { task_id, retry_policy: { max_retries: 0 } })
  await room.execute(task_id)
  for (const one of await room.lease()) await room.fail(one)
  await room.pass(5 * 60_000)
  await room.pass(60_000)
  await room.call('tasks.pause', { task_id })
  await room.call('tasks.resume', { task_id })
  await room.call('tasks.update', { task_id, timeout_seconds: 10, retry_policy: { max_retries: 0 } })
  const late = await room.execute(task_id)
  await room.lease()
  await room.pass(10_000)
  equal((await room.run(late)).status, 'timeout')
  await room.call('tasks.delete', { task_id, active: 'cancel' })
  await room.pass(10_000)
  const told = await room.toldOfTasks()
  checkEventData(told, (type) => type.startsWith('task.'))

  const ends = ['task.completed', 'task.failed', 'task.cancelled', 'task.timeout', 'task.skipped', 'task.missed']
  const ended = told.filter(
    ({ type, data }) => ends.includes(type) && !(type === 'task.failed' && data.status === 'timeout'),
  )
  const runs = await room.runs(task_id)
  deepEqual(ended.map(({ data }) => data.run_id).toSorted(), runs.map(({ run_id }) => run_id).toSorted())
})
