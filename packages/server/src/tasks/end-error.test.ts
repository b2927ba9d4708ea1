import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import { openTasksRoom } from '../testing/tasks-room.ts'

const once = { max_retries: 0 }

test('a run that failed or took too long says why, also where no worker did, and so does its event', async (t) => {
  const room = await openTasksRoom(t)
  const upstream = await room.create({ name: 'upstream' })
  const on = (on_failure: 'fail' | 'skip') => ({ dependencies: [upstream.task_id], dependency_policy: { on_failure } })
  const failing = await room.create({ type: 'dependent', ...on('fail') })
  const waiting = await room.create(on('fail'))
  const skipped = await room.create(on('skip'))
  const late = await room.create({
    dependencies: ['task-none'],
    dependency_policy: { on_failure: 'fail', timeout_seconds: 5 },
  })
  const [first] = await room.lease({ names: ['upstream'] })
  room.clock.at += 1
  await room.fail(first!, { retryable: false })
  const slow = await room.create({ timeout_seconds: 10, retry_policy: once })
  const lost = await room.create({ retry_policy: once })
  const again = await room.create({ retry_policy: { max_retries: 1 }, timeout_seconds: 10_000 })
  const large = await room.create({
    parameters: { a: 'x'.repeat(3000), b: '\u0024{parameters.a}'.repeat(2000) },
  })
  equal((await room.lease()).length, 3)
  await room.pass(30_000)
  equal((await room.lease()).length, 1)
  await room.pass(30_000)
  const ends = new Map<string, string | null>()
  for (const { task_id } of [failing, waiting, late, slow, lost, again, large, skipped]) {
    const [run] = await room.runs(task_id)
    ends.set(`${run!.status} ${run!.status_reason}`, run!.error?.code ?? null)
    const told = (await room.toldOfTasks()).findLast(({ data }) => data.run_id === run!.run_id)!
    deepEqual(told.data.error ?? null, run!.error)
  }
  deepEqual(Object.fromEntries(ends), {
    'failed dependency_failed': 'dependency_failed',
    'failed dependency_timeout': 'dependency_timeout',
    'timeout attempt_timeout': 'attempt_timeout',
    'failed outcome_unknown': 'outcome_unknown',
    'failed worker_lost': 'worker_lost',
    'failed parameters_too_large': 'parameters_too_large',
    'skipped dependency_failed': null,
  })
})

test('the error is that of the last attempt', async (t) => {
  const room = await openTasksRoom(t)
  const { task_id } = await room.create({
    retry_policy: { max_retries: 1, initial_delay_seconds: 0 },
    timeout_seconds: 10,
  })
  await room.fail((await room.lease())[0]!)
  equal((await room.lease()).length, 1)
  await room.pass(10_000)
  const [run] = await room.runs(task_id)
  deepEqual([run!.status, run!.error!.code], ['timeout', 'attempt_timeout'])
})
