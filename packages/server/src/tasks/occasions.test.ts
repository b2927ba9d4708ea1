import { deepEqual, equal, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import type { Input, Task } from '@nexus/contract'
import type { Failure } from '../core/failure.ts'
import { newTraceId } from '../core/ids.ts'
import { enginesUnderTest } from '../storage/state/testing/engines-under-test.ts'
import { openTasksRoom, type TasksRoom } from '../testing/tasks-room.ts'
import { until } from '../testing/until.ts'

/** As in a parameter. */
const template = (path: string) => `\${${path}}`

async function finish(room: TasksRoom, name: string, outcome: 'complete' | 'fail', result?: unknown) {
  const [order] = await room.lease({ names: [name] })
  if (outcome === 'complete') await room.complete(order!, result)
  else await room.fail(order!, { retryable: false })
}

test('a dependent task runs once for each new end of all that it depends on', async (t) => {
  const room = await openTasksRoom(t)
  const schedule = { cron: '0 0 1 1 *' }
  const a = await room.create({ name: 'a', type: 'scheduled', schedule })
  const b = await room.create({ name: 'b', type: 'scheduled', schedule })
  const parameters = { rows: `\${deps.${a.task_id}.result.rows}`, note: `\${deps.${b.task_id}.result.rows} of b` }
  const { task_id } = await room.create({ type: 'dependent', dependencies: [a.task_id, b.task_id], parameters })
  const both = async () => {
    await room.execute(a.task_id)
    await room.execute(b.task_id)
    await finish(room, 'a', 'complete', { rows: 7 })
    await finish(room, 'b', 'complete', { rows: 8 })
  }
  room.clock.at += 1
  await room.execute(a.task_id)
  await finish(room, 'a', 'complete', { rows: 6 })
  equal((await room.runs(task_id)).length, 0)
  room.clock.at += 1
  await both()
  const [run] = await room.runs(task_id)
  deepEqual(run!.parameters, { rows: 7, note: '8 of b' })
  equal(run!.cause, 'dependency')
  room.clock.at += 1
  await both()
  deepEqual(await room.stands(task_id), ['queued/no_worker', 'queued/concurrency'])
})

for (const [on_failure, stands] of [
  ['wait', []],
  ['skip', ['skipped/dependency_failed']],
  ['fail', ['failed/dependency_failed']],
] as const)
  test(`a dependency that fails: ${on_failure}`, async (t) => {
    const room = await openTasksRoom(t)
    const a = await room.create({ name: 'a' })
    const { task_id } = await room.create({
      type: 'dependent',
      dependencies: [a.task_id],
      dependency_policy: { on_failure },
    })
    room.clock.at += 1
    await finish(room, 'a', 'fail')
    deepEqual(await room.stands(task_id), stands)
  })

for (const condition of ['all_done', 'any_success'] as const)
  test(`one of two succeeds: ${condition}`, async (t) => {
    const room = await openTasksRoom(t)
    const a = await room.create({ name: 'a' })
    const b = await room.create({ name: 'b' })
    const { task_id } = await room.create({
      type: 'dependent',
      dependencies: [a.task_id, b.task_id],
      dependency_policy: { condition },
    })
    room.clock.at += 1
    await finish(room, 'a', 'fail')
    equal((await room.runs(task_id)).length, 0)
    await finish(room, 'b', 'complete')
    equal((await room.runs(task_id)).length, 1)
  })

for (const { name, skip, fresh } of await enginesUnderTest())
  test(`${name}: whatever the clocks of nodes say, an end counts if it came after the dependency, and none from before`, {
    skip: skip ?? false,
  }, async (t) => {
    const room = await openTasksRoom(t, await fresh(t))
    const rarely = { type: 'scheduled', schedule: { cron: '0 0 1 1 *' } } as const
    const [a, b] = [await room.create({ ...rarely, name: 'a' }), await room.create({ ...rarely, name: 'b' })]
    const end = async ({ task_id }: Task, name: string) => {
      await room.execute(task_id)
      await finish(room, name, 'complete')
    }
    await end(a, 'a')
    await end(b, 'b')
    room.clock.at += 10_000
    const { task_id } = await room.create({ type: 'dependent', dependencies: [a.task_id] })
    deepEqual(await room.stands(task_id), [])
    // What notes the end has a clock that is behind.
    room.clock.at -= 5000
    await end(a, 'a')
    deepEqual(await room.stands(task_id), ['queued/no_worker'])
    await room.call('tasks.update', { task_id, dependencies: [a.task_id, b.task_id] })
    await end(a, 'a')
    equal((await room.runs(task_id)).length, 1)
    await end(b, 'b')
    equal((await room.runs(task_id)).length, 2)
  })

test('a tick waits for its dependency, is skipped when the next one comes, and by its policy after a time', async (t) => {
  const room = await openTasksRoom(t)
  room.clock.at = Math.ceil(room.clock.at / 60_000) * 60_000
  const a = await room.create({ name: 'a', type: 'scheduled', schedule: { cron: '0 0 1 1 *' } })
  const of = {
    type: 'scheduled' as const,
    schedule: { cron: '* * * * *' },
    dependencies: [a.task_id],
  } satisfies Partial<Input<'tasks.create'>>
  const waits = await room.create(of)
  const fails = await room.create({ ...of, dependency_policy: { timeout_seconds: 30, on_failure: 'fail' } })
  await room.pass(60_000)
  await room.pass(30_000)
  deepEqual(await room.stands(fails.task_id), ['failed/dependency_timeout'])
  await room.pass(30_000)
  deepEqual(await room.stands(waits.task_id), ['skipped/dependency_not_met', 'queued/dependency'])
  await room.execute(a.task_id)
  await finish(room, 'a', 'complete')
  deepEqual(await room.stands(waits.task_id), ['skipped/dependency_not_met', 'queued/no_worker'])
})

test('a cycle is refused with its way, and a task that is not there is waited for', async (t) => {
  const room = await openTasksRoom(t)
  const schedule = { cron: '0 0 1 1 *' }
  const a = await room.create({ type: 'scheduled', schedule })
  const b = await room.create({ type: 'scheduled', schedule, dependencies: [a.task_id] })
  const c = await room.create({ type: 'scheduled', schedule, dependencies: [b.task_id, 'task-none'] })
  deepEqual(
    c.warnings?.map(({ field }) => field),
    ['dependencies.1'],
  )
  for (const dependencies of [[c.task_id], [a.task_id]])
    await rejects(
      room.call('tasks.update', { task_id: a.task_id, dependencies }),
      (error: Failure) => error.code === 'VALIDATION_ERROR' && /cycle: .*->/.test(error.details.issue!),
    )
})

test('an event makes a task run, with what it says, in its chain', async (t) => {
  const room = await openTasksRoom(t)
  const { task_id } = await room.create({
    type: 'event_driven',
    trigger: { event_types: ['device.registered'], filters: { device_id: { $prefix: 'pump-' } } },
    parameters: { device: template('event.data.device_id'), whole: template('event.data') },
  })
  const trace = newTraceId()
  for (const device_id of ['fan-1', 'pump-1', 'pump-2']) {
    await room.call('devices.put', { device_id })
    await room.tasks.sweep()
  }
  const runs = await room.runs(task_id)
  deepEqual(
    runs.map(({ parameters }) => parameters.device),
    ['pump-1', 'pump-2'],
  )
  equal((runs[0]!.parameters.whole as { device_id: string }).device_id, 'pump-1')
  equal(runs[0]!.trace_id.length, trace.length)
  const events = (await room.call('events.list', { limit: 100 })).events
  const registered = events.find(({ data }) => data.device_id === 'pump-1')
  equal(
    events.find(({ type, data }) => type === 'task.queued' && data.run_id === runs[0]!.run_id)!.cause_id,
    registered!.id,
  )
})

test('of events that follow one another closely the last one of each key counts', async (t) => {
  const room = await openTasksRoom(t)
  const { task_id } = await room.create({
    type: 'event_driven',
    trigger: {
      event_types: ['device.registered'],
      debounce_seconds: 10,
      dedupe_key: template('event.data.tags.site'),
    },
    parameters: { device: template('event.data.device_id') },
  })
  for (const [device_id, site] of [
    ['a', 'north'],
    ['b', 'south'],
    ['c', 'north'],
  ]) {
    await room.call('devices.put', { device_id: device_id!, tags: { site: site! } })
    await room.pass(4000)
  }
  deepEqual(await room.runs(task_id), [])
  await room.pass(2000)
  deepEqual(
    (await room.runs(task_id)).map(({ parameters }) => parameters.device),
    ['b'],
  )
  await room.pass(4000)
  deepEqual(
    (await room.runs(task_id)).map(({ parameters }) => parameters.device),
    ['b', 'c'],
  )
})

test('a guard holds a run back until it holds, or leaves it out', async (t) => {
  const room = await openTasksRoom(t)
  room.readings.set('cpu_usage', 90)
  const query = 'avg(cpu_usage) < 70 over 5m'
  const waits = await room.create({ guard: { query } })
  const skips = await room.create({ guard: { query, else: 'skip' } })
  deepEqual(await room.stands(waits.task_id), ['queued/guard'])
  deepEqual(await room.stands(skips.task_id), ['skipped/guard'])
  room.readings.set('cpu_usage', 50)
  await room.pass(15_000)
  deepEqual(await room.stands(waits.task_id), ['queued/no_worker'])
})

test('a template that names nothing fails its run, and one that could name nothing is refused', async (t) => {
  const room = await openTasksRoom(t)
  const { task_id } = await room.create({ parameters: { x: template('parameters.y') } })
  deepEqual(await room.stands(task_id), ['failed/template_unresolved'])
  const literal = await room.create({ parameters: { cmd: `echo $${template('HOME')}`, x: template('task.name') } })
  deepEqual((await room.runs(literal.task_id))[0]!.parameters, { cmd: `echo ${template('HOME')}`, x: 'x' })
  const unclosed = await room.create({ parameters: { cost: `$${'$'}{5` } })
  deepEqual((await room.runs(unclosed.task_id))[0]!.parameters, { cost: '\u0024{5' })
  const nothing = ['', 'nothing.x', 'run', 'event..x', 'run.attempt', 'run.id.x', 'task.status', 'deps.task-x.error']
  for (const text of [
    ...nothing.map(template),
    '\u0024{run.id',
    `\u0024{a${template('run.id')}}`,
    template('event.data.x'),
  ])
    await rejects(room.create({ parameters: { x: [text] } }), { code: 'VALIDATION_ERROR' })
})

test('what Nexus does itself: a request, with its answer for a result and its status for an error', async (t) => {
  const room = await openTasksRoom(t)
  room.tasks.start()
  const handler = { type: 'http', url: 'https://example.com/hook', headers: { 'X-A': 'b' } } as const
  const good = await room.create({ handler, parameters: { a: 1 } })
  await ended(room, good.task_id)
  deepEqual(
    room.requests.map(({ method, body }) => [method, body]),
    [['POST', '{"a":1}']],
  )
  deepEqual((await room.runs(good.task_id))[0]!.result, { status: 200, body: { ok: true } })
  room.answers.push({ error: 'http_error', statusCode: 404, response: null, isWhole: true, retryAfterMs: 0 })
  const bad = await room.create({ handler })
  await ended(room, bad.task_id)
  deepEqual(await room.stands(bad.task_id), ['failed/unexpected_status'])
})

test('what a process that was killed had in hand is taken over as the next one starts, before its lease is over', async (t) => {
  const room = await openTasksRoom(t)
  const handler = { type: 'http', url: 'https://example.com/hook' } as const
  const again = await room.create({ handler })
  const once = await room.create({ handler, retry_policy: { max_retries: 0 } })
  const mine = await room.create()
  const [order] = await room.lease()
  const queues = [{ kind: 'task' as const, queue: '@http' }]
  equal((await room.state.write((tx) => room.work.claim(tx, { queues, worker: 'nexus-dead', max: 9 }))).length, 2)
  room.tasks.start()
  for (const { task_id } of [again, once]) await ended(room, task_id)
  const [run] = await room.runs(again.task_id)
  deepEqual([run!.status, run!.attempt], ['completed', 2])
  deepEqual(await room.stands(once.task_id), ['failed/outcome_unknown'])
  deepEqual(await room.stands(mine.task_id), ['running/executing'])
  await room.complete(order!)
})

test('a key that is no more does nothing', async (t) => {
  const room = await openTasksRoom(t)
  room.principals.clear()
  room.tasks.start()
  const handler = { type: 'telemetry_query', query: { metrics: 'cpu', last: '1h' } } as const
  const { task_id } = await room.create({ handler })
  await ended(room, task_id)
  deepEqual(await room.stands(task_id), ['failed/key_revoked'])
})

async function ended(room: TasksRoom, task_id: string): Promise<void> {
  await until('the end of a run', async () => (await room.get(task_id)).active_runs === 0)
}

test('a guard that is taken away holds nothing back any more', async (t) => {
  const room = await openTasksRoom(t)
  const { task_id } = await room.create({ guard: { query: 'avg(cpu_usage) < 70 over 5m' } })
  deepEqual(await room.stands(task_id), ['queued/guard'])
  await room.call('tasks.update', { task_id, guard: null })
  deepEqual(await room.stands(task_id), ['queued/no_worker'])
})

test('a guard that nobody answers holds up nothing but its runs, and is asked again after a while', async (t) => {
  const room = await openTasksRoom(t)
  const { task_id } = await room.create({ guard: { query: 'avg(cpu_usage) < 70 over 5m' } })
  const { events } = await room.call('events.list', { limit: 100 })
  await room.tasks.sweep()
  await room.tasks.sweep()
  deepEqual((await room.call('events.list', { limit: 100 })).events, events)
  room.readings.set('cpu_usage', 50)
  await room.pass(14_999)
  deepEqual(await room.stands(task_id), ['queued/guard'])
  await room.pass(1)
  deepEqual(await room.stands(task_id), ['queued/no_worker'])
})

test('a task that ends as it is made has ended, and tells who depends on it', async (t) => {
  const room = await openTasksRoom(t)
  const failing = await room.create({ parameters: { x: template('parameters.y') } })
  deepEqual([failing.status, failing.last_run?.status], ['failed', 'failed'])
  const first = await room.create({ name: 'first', type: 'scheduled', schedule: { cron: '0 0 1 1 *' } })
  const second = await room.create({
    type: 'dependent',
    dependencies: [first.task_id],
    dependency_policy: { on_failure: 'fail' },
  })
  const third = await room.create({
    type: 'dependent',
    dependencies: [second.task_id],
    dependency_policy: { condition: 'all_done' },
  })
  room.clock.at += 1
  await room.execute(first.task_id)
  const [order] = await room.lease({ names: ['first'] })
  room.clock.at += 1
  await room.fail(order!, { retryable: false })
  await room.tasks.sweep()
  deepEqual(await room.stands(second.task_id), ['failed/dependency_failed'])
  deepEqual(await room.stands(third.task_id), ['queued/no_worker'])
})

test('so many runs and no more, whatever number of events comes at once', async (t) => {
  const room = await openTasksRoom(t)
  const { task_id } = await room.create({
    type: 'event_driven',
    max_runs: 1,
    trigger: { event_types: ['device.registered'] },
  })
  for (const device_id of ['a', 'b', 'c']) await room.call('devices.put', { device_id })
  await room.tasks.sweep()
  equal((await room.runs(task_id)).length, 1)
})

test('an event is named where there is one, and nothing else of it than it has', async (t) => {
  const room = await openTasksRoom(t)
  const trigger = { event_types: ['device.registered' as const] }
  const of = (parameters: object, more = {}) =>
    room.create({ type: 'event_driven', trigger: { ...trigger, ...more }, parameters: { ...parameters } })
  const { task_id } = await of({ x: [template('event.id'), template('event.type'), template('event.data.tags.a')] })
  for (const path of ['event.name', 'event.id.x'])
    await rejects(of({ x: template(path) }), { code: 'VALIDATION_ERROR' })
  for (const path of ['run.id', 'task.id', 'parameters.x'])
    await rejects(of({}, { dedupe_key: template(path) }), { code: 'VALIDATION_ERROR' })
  await rejects(room.execute(task_id, { x: template('event.id') }), { code: 'VALIDATION_ERROR' })
})

test('what other tasks have done is read by who may read tasks', async (t) => {
  const room = await openTasksRoom(t)
  const { task_id } = await room.create()
  const { principal } = room.ctx
  const writes = { ...principal, keyId: 'key-w', scopes: ['task:write' as const] }
  const reads = { ...writes, scopes: ['task:write' as const, 'task:read' as const] }
  const parameters = { x: { y: [`a ${template(`deps.${task_id}.result`)}`] } }
  const of = { name: 'y', type: 'one_time' } as const
  const lacks = (error: Failure) =>
    error.code === 'FORBIDDEN' && error.details.required_scope === 'task:read' && error.details.field === 'parameters'
  await rejects(room.call('tasks.create', { ...of, parameters }, writes), lacks)
  const own = await room.call('tasks.create', of, writes)
  const change = { task_id: own.task_id, parameters }
  await rejects(room.call('tasks.update', change, writes), lacks)
  await rejects(room.call('tasks.execute', change, writes), lacks)
  await room.call('tasks.execute', { task_id: own.task_id, parameters: { x: 1 } }, writes)
  await room.call('tasks.create', { ...of, parameters }, reads)
})

test('templates that name too much fail the run', async (t) => {
  const room = await openTasksRoom(t)
  const long = 'x'.repeat(8000)
  const many = Array.from({ length: 500 }, () => template('parameters.long'))
  const { task_id } = await room.create({ parameters: { long, many } })
  deepEqual(await room.stands(task_id), ['failed/parameters_too_large'])
})
