import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import { fail } from '../core/failure.ts'
import { enginesUnderTest } from '../storage/state/testing/engines-under-test.ts'
import { keyWith } from '../testing/commands-room.ts'
import { openTasksRoom, type TasksRoom } from '../testing/tasks-room.ts'

const guard = { query: 'avg(cpu_usage) < 70 over 5m' }
const guarded = { type: 'scheduled', schedule: { every: '1m' }, overlap: 'queue_all', guard } as const
const other = keyWith(['task:write', 'telemetry:read'])

/** Two runs of a task wait for its guard. */
async function waiting(room: TasksRoom): Promise<string> {
  room.readings.set('cpu_usage', 90)
  const { task_id } = await room.create(guarded)
  await room.pass(60_000)
  await room.pass(60_000)
  deepEqual(await room.stands(task_id), ['queued/guard', 'queued/guard'])
  return task_id
}

for (const { name, skip, fresh } of await enginesUnderTest()) {
  test(`${name}: where the key that asks a guard is no more the run fails, and the task is paused until another key takes it`, {
    skip: skip ?? false,
  }, async (t) => {
    const room = await openTasksRoom(t, await fresh(t))
    const task_id = await waiting(room)
    room.principals.clear()
    await room.pass(15_000)
    deepEqual(await room.stands(task_id), ['failed/key_revoked', 'queued/paused'])
    const [run] = await room.runs(task_id)
    deepEqual(run!.error, { code: 'key_revoked', message: 'The key in whose name it runs is no more' })
    const { status, status_reason } = await room.get(task_id)
    deepEqual([status, status_reason], ['paused', 'key_revoked'])

    room.principals.set(other.keyId, other)
    room.readings.set('cpu_usage', 50)
    await room.call('tasks.update', { task_id, description: 'taken over' }, other)
    await room.call('tasks.resume', { task_id })
    await room.pass(15_000)
    deepEqual(await room.stands(task_id), ['failed/key_revoked', 'queued/no_worker'])
    deepEqual(room.errors, [])
  })

  test(`${name}: where the key may not ask telemetry any more the run fails with the reason`, {
    skip: skip ?? false,
  }, async (t) => {
    const room = await openTasksRoom(t, await fresh(t))
    const task_id = await waiting(room)
    room.refusals.push(fail('FORBIDDEN', { issue: 'needs the scope telemetry:read' }))
    await room.pass(15_000)
    deepEqual((await room.stands(task_id))[0], 'failed/forbidden')
    deepEqual((await room.runs(task_id))[0]!.error, { code: 'forbidden', message: 'needs the scope telemetry:read' })
    equal((await room.get(task_id)).status, 'scheduled')
    deepEqual(room.errors, [])
  })
}

test('a refusal that may pass, or that another key was given, ends no run', async (t) => {
  const room = await openTasksRoom(t)
  const task_id = await waiting(room)
  room.refusals.push(fail('TIMEOUT'))
  await room.pass(15_000)
  deepEqual((await room.stands(task_id))[0], 'queued/guard')
  equal(room.errors.length, 1)

  room.principals.set(other.keyId, other)
  const { find } = room.store
  // The task changes hands while telemetry is asked in the name of the key before.
  room.store.find = async (ids, tx) => {
    const found = await find(ids, tx)
    if (tx || !ids.includes(task_id)) return found
    room.store.find = find
    await room.call('tasks.update', { task_id, description: 'taken over' }, other)
    return found
  }
  room.principals.delete(room.ctx.principal.keyId)
  await room.pass(15_000)
  deepEqual((await room.stands(task_id))[0], 'queued/guard')
  room.readings.set('cpu_usage', 50)
  await room.pass(15_000)
  deepEqual((await room.stands(task_id))[0], 'queued/no_worker')
})
