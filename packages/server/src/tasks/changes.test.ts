import { deepEqual, equal, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import type { Failure } from '../core/failure.ts'
import { openTasksRoom } from '../testing/tasks-room.ts'

const because = (reason: string) => (error: Failure) => error.details.reason === reason

test('a change holds for runs from then on, needs the version that it names, and cannot change the type', async (t) => {
  const room = await openTasksRoom(t)
  const { task_id } = await room.create({
    type: 'scheduled',
    schedule: { cron: '0 2 * * *', timezone: 'UTC' },
    parameters: { a: 1, b: { c: 2 } },
  })
  const first = await room.execute(task_id)
  const changed = await room.call('tasks.update', {
    task_id,
    if_match: '"1"',
    parameters: { a: null, b: { d: 3 } },
    schedule: { timezone: 'Europe/Berlin' },
  })
  deepEqual(changed.parameters, { b: { c: 2, d: 3 } })
  deepEqual(changed.schedule, { cron: '0 2 * * *', timezone: 'Europe/Berlin' })
  equal(changed.version, 2)
  deepEqual((await room.run(first)).parameters, { a: 1, b: { c: 2 } })
  await rejects(room.call('tasks.update', { task_id, if_match: '"1"', name: 'y' }), because('version_mismatch'))
  await rejects(room.call('tasks.update', { task_id, type: 'one_time' }), { code: 'VALIDATION_ERROR' })
  await rejects(room.call('tasks.update', { task_id, schedule: null }), { code: 'VALIDATION_ERROR' })
  await rejects(room.call('tasks.update', { task_id, name: null }), { code: 'INVALID_REQUEST' })
})

test('a tick that is due when its schedule is changed is not lost', async (t) => {
  const room = await openTasksRoom(t)
  const { task_id, next_run } = await room.create({ type: 'scheduled', schedule: { every: '1m' } })
  room.clock.at = Date.parse(next_run!) + 500
  await room.call('tasks.update', { task_id, schedule: { every: '1h' } })
  deepEqual(
    (await room.runs(task_id)).map(({ scheduled_for }) => scheduled_for),
    [next_run],
  )
})

test('a patch is checked field by field, removes what may be missing, and turns one handler into another', async (t) => {
  const room = await openTasksRoom(t)
  const handler = { type: 'http', url: 'https://example.com/', method: 'PUT', headers: { a: 'b' } } as const
  const { task_id } = await room.create({ handler, schedule: { run_at: '2999-01-01T00:00:00Z' }, tags: { a: 'b' } })
  for (const [patch, field] of [
    [{ schedule: { run_at: 5 } }, 'schedule.run_at'],
    [{ handler: { url: 7 } }, 'handler.url'],
    [{ handler: { type: null } }, 'handler.type'],
    [{ trigger: { event_types: null } }, 'trigger.event_types'],
    [{ tags: { a: 5 } }, 'tags.a'],
    [{ schedule: { nope: 1 } }, 'schedule.nope'],
    [{ name: null }, 'name'],
  ] as const)
    await rejects(room.call('tasks.update', { task_id, ...(patch as object) }), (error: Failure) => {
      return error.code === 'INVALID_REQUEST' && error.details.field === field
    })
  const changed = await room.call('tasks.update', {
    task_id,
    handler: { type: 'worker', url: null, method: null, headers: null, queue: 'large' },
    tags: { a: null, c: 'd' },
  })
  deepEqual([changed.handler, changed.tags], [{ type: 'worker', queue: 'large' }, { c: 'd' }])
})

test('headers of a request are not sent to another origin unless they are given for it', async (t) => {
  const room = await openTasksRoom(t)
  const headers = { Authorization: 'Bearer s3cr3t', 'X-Job': 'nightly' }
  const handler = { type: 'http', url: 'https://example.com/a', headers } as const
  const { task_id } = await room.create({ handler, schedule: { run_at: '2999-01-01T00:00:00Z' } })
  const update = (handler: object) => room.call('tasks.update', { task_id, handler })
  const refused = (error: Failure) =>
    error.code === 'VALIDATION_ERROR' && error.details.field === 'handler.headers' && /anew/.test(error.details.issue!)
  for (const url of ['http://example.com/a', 'https://example.org/a', 'https://example.com:8443/a'])
    for (const given of [undefined, {}, { 'X-Job': 'x' }, { Authorization: null }, { authorization: 'x' }])
      await rejects(update({ url, ...(given && { headers: given }) }), refused)
  await rejects(update({ url: 'https://example.org/', headers: { Authorization: '[hidden]', 'X-Job': null } }))
  await update({ url: 'https://EXAMPLE.com:443/b', method: 'PUT' })
  await room.execute(task_id)
  await update({ url: 'https://example.org/', headers: { Authorization: 'Bearer other', 'X-Job': null } })
  await update({ url: 'https://example.net/', headers: null })
  const sent = async () => {
    const found = await room.state.write((tx) => room.store.lock(tx, task_id))
    return found!.definition.handler
  }
  deepEqual(await sent(), { type: 'http', url: 'https://example.net/', method: 'PUT' })
})

test('a task that runs once runs again when it is given another time, whatever became of the first run', async (t) => {
  const room = await openTasksRoom(t)
  const at = (ms: number) => new Date(room.clock.at + ms).toISOString()
  const ends = {
    completed: async () => void (await room.complete((await room.lease())[0]!)),
    failed: async () => void (await room.fail((await room.lease())[0]!, { retryable: false })),
    'in hand': async () => {},
  }
  for (const [how, end] of Object.entries(ends)) {
    const { task_id } = await room.create()
    await end()
    const orders = await room.lease()
    const run_at = at(5000)
    const changed = await room.call('tasks.update', { task_id, schedule: { run_at } })
    equal(changed.next_run, run_at, how)
    for (const order of orders) await room.complete(order)
    const before = await room.get(task_id)
    deepEqual([before.status, before.next_run], ['scheduled', run_at], how)
    await room.pass(5000)
    const runs = await room.runs(task_id)
    deepEqual(runs.map(({ scheduled_for, status }) => [scheduled_for, status]).at(-1), [run_at, 'queued'], how)
    await room.complete((await room.lease())[0]!)
    const after = await room.get(task_id)
    deepEqual([after.status, after.next_run, runs.length], ['completed', null, 2], how)
    // The same instant again is no other time.
    const same = await room.call('tasks.update', { task_id, schedule: { run_at, timezone: 'Europe/Berlin' } })
    deepEqual([same.status, same.next_run], ['completed', null], how)
    room.clock.at += 1
    await room.call('tasks.update', { task_id, schedule: null })
    deepEqual((await room.stands(task_id)).length, 3, how)
    await room.complete((await room.lease())[0]!)
  }
})

test('a task with runs or dependents is deleted only as told, and its runs can still be read', async (t) => {
  const room = await openTasksRoom(t)
  const a = await room.create({ type: 'scheduled', schedule: { cron: '0 0 1 1 *' } })
  await room.create({ type: 'dependent', dependencies: [a.task_id] })
  const run_id = await room.execute(a.task_id)
  const { task_id } = a
  await rejects(room.call('tasks.delete', { task_id }), because('has_dependents'))
  await rejects(room.call('tasks.delete', { task_id, force: true }), because('active_runs'))
  await room.call('tasks.delete', { task_id, force: true, active: 'drain' })
  await rejects(room.get(task_id), { code: 'NOT_FOUND' })
  const [order] = await room.lease()
  await room.complete(order!)
  equal((await room.run(run_id)).status, 'completed')
  equal((await room.runs(task_id)).length, 1)
})

test('a list has all of the tags, the newest first, and counts', async (t) => {
  const room = await openTasksRoom(t)
  const schedule = { run_at: '2999-01-01T00:00:00Z' }
  for (let i = 0; i < 5; i++) {
    await room.create({ name: `t${i}`, schedule, tags: { team: i % 2 ? 'a' : 'b', nr: String(i) } })
    room.clock.at += 1
  }
  const page = await room.call('tasks.list', { tags: 'team:b', limit: 2 })
  deepEqual(
    page.tasks.map(({ name }) => name),
    ['t4', 't2'],
  )
  equal(page.total, 3)
  const rest = await room.call('tasks.list', { tags: 'team:b', limit: 2, cursor: page.next_cursor! })
  deepEqual(
    rest.tasks.map(({ name }) => name),
    ['t0'],
  )
  deepEqual(
    (await room.call('tasks.list', { offset: 4 })).tasks.map(({ name }) => name),
    ['t0'],
  )
  deepEqual(
    (await room.call('tasks.list', { tags: 'team:b,nr:2' })).tasks.map(({ name }) => name),
    ['t2'],
  )
  equal((await room.call('tasks.list', { status: 'running' })).total, 0)
  await rejects(room.call('tasks.list', { tags: 'team' }), { code: 'INVALID_REQUEST' })
})

test('a retry runs again what a run was about', async (t) => {
  const room = await openTasksRoom(t)
  const { task_id } = await room.create({ parameters: { a: 1 }, retry_policy: { max_retries: 0 } })
  const [order] = await room.lease()
  await room.fail(order!)
  const again = await room.call('runs.retry', { run_id: order!.run_id })
  deepEqual([again.retry_of, again.cause, again.parameters], [order!.run_id, 'retry', { a: 1 }])
  await rejects(room.call('runs.retry', { run_id: again.run_id }), because('run_active'))
  await rejects(room.call('runs.retry', { run_id: order!.run_id }), because('retry_live'))
  const [second] = await room.lease()
  await room.complete(second!)
  equal((await room.get(task_id)).status, 'completed')
  equal((await room.call('runs.retry', { run_id: order!.run_id })).retry_of, order!.run_id)
})

test('a run by hand and a pause take nothing from a task that runs once', async (t) => {
  const room = await openTasksRoom(t)
  const run_at = new Date(room.clock.at + 9000).toISOString()
  const { task_id } = await room.create({ schedule: { run_at } })
  await room.execute(task_id)
  for (const order of await room.lease()) await room.complete(order)
  await room.call('tasks.pause', { task_id })
  const resumed = await room.call('tasks.resume', { task_id })
  deepEqual([resumed.status, resumed.next_run], ['scheduled', run_at])
  await room.pass(9000)
  deepEqual(await room.stands(task_id), ['completed', 'queued'])
})

test('a key of a trigger has to name something, and a version that is gone deletes nothing', async (t) => {
  const room = await openTasksRoom(t)
  const trigger = { event_types: ['device.registered' as const], dedupe_key: 'event.data.device_id' }
  await rejects(room.create({ type: 'event_driven', trigger }), { code: 'VALIDATION_ERROR' })
  const { task_id } = await room.create({ schedule: { run_at: '2999-01-01T00:00:00Z' } })
  await room.call('tasks.update', { task_id, name: 'y' })
  await rejects(room.call('tasks.delete', { task_id, if_match: '"1"' }), because('version_mismatch'))
})

test('a retry has the rights of the run that it repeats', async (t) => {
  const room = await openTasksRoom(t)
  const { principal } = room.ctx
  const other = { ...principal, keyId: 'key-other' }
  const task = await room.call('tasks.create', { name: 'x', type: 'one_time' }, other)
  const [order] = await room.lease()
  await room.fail(order!, { retryable: false })
  await room.call('tasks.update', { task_id: task.task_id, description: 'taken over' })
  const again = await room.call('runs.retry', { run_id: order!.run_id }, other)
  const rows = await room.state.write(async () => (await room.store.findRuns([again.run_id]))[0]!.keyId)
  equal(rows, 'key-other')
})

test('a run by hand does not keep a tick from running, and cancel_running leaves it alone', async (t) => {
  const room = await openTasksRoom(t)
  for (const overlap of ['skip', 'cancel_running'] as const) {
    const { task_id } = await room.create({ type: 'scheduled', schedule: { every: '1m' }, overlap })
    await room.execute(task_id)
    await room.pass(60_000)
    deepEqual(await room.stands(task_id), ['queued/no_worker', 'queued/no_worker'])
    await room.call('tasks.delete', { task_id, active: 'cancel' })
  }
})

test('what a deleted task still had waiting ends, and what is under way goes on', async (t) => {
  const room = await openTasksRoom(t)
  const { task_id } = await room.create({ dependencies: ['task-none'] })
  const under = await room.execute(task_id)
  await room.call('tasks.delete', { task_id, active: 'drain' })
  deepEqual(await room.stands(task_id), ['cancelled/task_deleted', 'queued/no_worker'])
  equal((await room.run(under)).status, 'queued')
})

test('a run by hand that ends as it is made takes nothing from a task that runs once', async (t) => {
  const room = await openTasksRoom(t)
  const run_at = new Date(room.clock.at + 9000).toISOString()
  const { task_id } = await room.create({ schedule: { run_at } })
  await room.execute(task_id, { x: '\u0024{parameters.y}' })
  deepEqual(await room.stands(task_id), ['failed/template_unresolved'])
  equal((await room.get(task_id)).next_run, run_at)
  await room.pass(9000)
  deepEqual(await room.stands(task_id), ['failed/template_unresolved', 'queued/no_worker'])
})

test('a run whose worker was lost and that is cancelled before the next attempt was not confirmed to have stopped', async (t) => {
  const room = await openTasksRoom(t)
  const { task_id } = await room.create({})
  const [order] = await room.lease()
  await room.pass(60_000)
  deepEqual(await room.stands(task_id), ['queued/worker_lost'])
  await room.call('runs.cancel', { run_id: order!.run_id })
  const { status, status_reason } = await room.run(order!.run_id)
  deepEqual([status, status_reason], ['cancelled', 'unconfirmed'])
})
