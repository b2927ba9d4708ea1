import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import type { Failure } from '../core/failure.ts'
import { openTasksRoom } from '../testing/tasks-room.ts'

const hourMs = 3_600_000
const because = (reason: string) => (error: Failure) => error.details.reason === reason

test('a task of the specification is created, runs at its tick, and says how it stands', async (t) => {
  const room = await openTasksRoom(t)
  const upstream = await room.create({ name: 'upstream' })
  const task = await room.create({
    name: 'x',
    type: 'scheduled',
    schedule: { cron: '0 * * * *', timezone: 'UTC' },
    parameters: { date: 'yesterday' },
    dependencies: [upstream.task_id],
    retry_policy: { max_retries: 3, backoff_multiplier: 2, initial_delay_seconds: 60 },
    timeout_seconds: 3600,
    tags: { team: 'analytics', priority: 'high' },
  })
  equal(task.status, 'scheduled')
  equal(Date.parse(task.next_run!) % hourMs, 0)

  await room.pass(Date.parse(task.next_run!) - room.clock.at)
  deepEqual(await room.stands(task.task_id), ['queued/dependency'])
  const [first] = await room.lease({ names: ['upstream'] })
  await room.complete(first!, { rows: 3 })
  deepEqual(await room.stands(task.task_id), ['queued/no_worker'])

  const [order] = await room.lease()
  equal((await room.get(task.task_id)).status, 'running')
  deepEqual(order!.parameters, { date: 'yesterday' })
  await room.complete(order!, { done: true })
  const [run] = await room.runs(task.task_id)
  equal(run!.status, 'completed')
  deepEqual(run!.result, { done: true })
  const after = await room.get(task.task_id)
  equal(after.status, 'scheduled')
  equal(after.last_run!.run_id, run!.run_id)
  const told = (await room.toldOfTasks()).filter(({ subject }) => subject === task.task_id).map(({ type }) => type)
  deepEqual(told, ['task.created', 'task.queued', 'task.started', 'task.completed'])
  deepEqual(room.errors, [])
})

test('a task that runs once ends as its run did, and a failed attempt is made again after its delay', async (t) => {
  const room = await openTasksRoom(t)
  const task = await room.create({ retry_policy: { max_retries: 2, initial_delay_seconds: 60, backoff_multiplier: 2 } })
  for (const delay of [60_000, 120_000]) {
    const [order] = await room.lease()
    await room.fail(order!)
    deepEqual(await room.stands(task.task_id), ['queued/retry_wait'])
    await room.pass(delay - 1)
    equal((await room.lease()).length, 0)
    await room.pass(1)
  }
  const [last] = await room.lease()
  equal(last!.attempt, 3)
  await room.fail(last!)
  deepEqual(await room.stands(task.task_id), ['failed/broken'])
  equal((await room.get(task.task_id)).status, 'failed')
  const told = (await room.toldOfTasks()).filter(({ data }) => data.run_id === last!.run_id)
  deepEqual(
    told.map(({ type, data }) => `${type} ${data.attempt}`),
    [
      'task.queued 0',
      ...[1, 2].flatMap((attempt) => [`task.started ${attempt}`, `task.progress ${attempt}`]),
      'task.started 3',
      'task.failed 3',
    ],
  )
})

test('a worker that is silent loses its run to the next one at once, which is given the checkpoint', async (t) => {
  const room = await openTasksRoom(t)
  const task = await room.create()
  const [lost] = await room.lease()
  const { run_id, lease_token } = lost!
  await room.call('runs.heartbeat', { run_id, lease_token, checkpoint: { row: 7 }, progress: { percent: 50 } })
  await room.pass(30_000)
  const [again] = await room.lease({ worker_id: 'other' })
  equal(again!.run_id, run_id)
  equal(again!.attempt, 2)
  deepEqual(again!.checkpoint, { row: 7 })
  const isLost = (standing: object) => (error: Failure) => {
    const { reason, id, run_id: named, status, attempt } = error.details
    deepEqual({ reason, id, run_id: named, status, attempt }, { reason: 'lease_lost', id: run_id, run_id, ...standing })
    return error.code === 'CONFLICT'
  }
  await rejects(room.complete(lost!), isLost({ status: 'running', attempt: 2 }))
  await room.complete(again!)
  await rejects(room.call('runs.heartbeat', { run_id, lease_token }), isLost({ status: 'completed', attempt: 2 }))
  await rejects(room.call('runs.heartbeat', { run_id: 'run-none', lease_token }), { code: 'NOT_FOUND' })
  deepEqual(await room.complete(again!), {
    run_id,
    status: 'completed',
    cancel_requested: false,
    lease_expires_at: null,
  })
  await rejects(room.complete(again!, 'other'))
  deepEqual(await room.stands(task.task_id), ['completed'])
})

test('a cancel ends what waits at once, and tells the worker of what runs', async (t) => {
  const room = await openTasksRoom(t)
  const task = await room.create({ type: 'scheduled', schedule: { cron: '0 0 1 1 *' } })
  const waiting = await room.execute(task.task_id)
  await room.call('runs.cancel', { run_id: waiting })
  equal((await room.run(waiting)).status, 'cancelled')

  const running = await room.execute(task.task_id)
  const [order] = await room.lease()
  await room.call('tasks.cancel', { task_id: task.task_id })
  equal((await room.run(running)).sub_status, 'cancelling')
  const beat = await room.call('workers.heartbeat', {
    worker_id: 'w',
    runs: [{ run_id: running, lease_token: order!.lease_token }],
    wait_seconds: 15,
  })
  ok(beat.runs[0]!.cancel_requested)
  await room.fail(order!, { code: 'cancelled' })
  equal((await room.run(running)).status, 'cancelled')
  await rejects(room.call('runs.cancel', { run_id: running }), because('run_ended'))
})
