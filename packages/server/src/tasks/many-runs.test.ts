import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import type { Input, Run } from '@nexus/contract'
import { enginesUnderTest } from '../storage/state/testing/engines-under-test.ts'
import { openTasksRoom, runStanding, type TasksRoom } from '../testing/tasks-room.ts'

const never = { type: 'scheduled', schedule: { cron: '0 0 1 1 *' } } as const
/** More than are done in one transaction. */
const many = 230

async function executeMany(room: TasksRoom, task_id: string, count = many): Promise<string[]> {
  const ids: string[] = []
  for (let n = 0; n < count; n++) ids.push(await room.execute(task_id))
  return ids
}

/** How many runs stand how. */
async function tally(room: TasksRoom, task_id: string): Promise<Record<string, number>> {
  const runs: Run[] = []
  for (let cursor: string | undefined; ; ) {
    const page = await room.call('tasks.runs.list', { task_id, limit: 100, ...(cursor && { cursor }) })
    runs.push(...page.runs)
    if (page.next_cursor === null) break
    cursor = page.next_cursor
  }
  return Object.fromEntries([...Map.groupBy(runs, standingOf)].map(([standing, of]) => [standing, of.length]))
}

/** Whether a worker has looked there is all the same here. */
function standingOf(run: Run): string {
  return runStanding(run).replace('/no_worker', '')
}

/** Noted one by one, so that no test waits for many requests. */
async function registerMany(room: TasksRoom, count = many): Promise<void> {
  for (let n = 0; n < count; n++) await room.call('devices.put', { device_id: `d-${room.clock.at}-${n}` })
  await room.tasks.sweep()
}

for (const { name, skip, fresh } of await enginesUnderTest()) {
  test(`${name}: very many runs are cancelled in steps, also by the process that comes after, and no others`, {
    skip: skip ?? false,
  }, async (t) => {
    const options = await fresh(t)
    const room = await openTasksRoom(t, options)
    const { task_id } = await room.create(never)
    await executeMany(room, task_id)
    const [order] = await room.lease({ max: 1 })
    const { active_runs } = await room.call('tasks.cancel', { task_id })
    ok(active_runs > 100 && active_runs < many, String(active_runs))
    const after = await room.execute(task_id)
    const waiting = await room.run((await room.runs(task_id)).at(-2)!.run_id)
    deepEqual([waiting.status, waiting.sub_status, waiting.waiting_for?.reason], ['queued', 'cancelling', 'cancelling'])
    const given = await room.lease()
    deepEqual(
      given.map(({ run_id }) => run_id),
      [after],
    )

    const next = name === 'PostgreSQL' ? await openTasksRoom(t, { ...options, clock: room.clock }) : room
    for (let left = Number.POSITIVE_INFINITY; ; ) {
      await next.tasks.sweep()
      const now = (await next.get(task_id)).active_runs
      if (now === left) break
      left = now
    }
    deepEqual(await tally(next, task_id), {
      'cancelled/cancelled': many - 1,
      'running/cancelling': 1,
      'running/executing': 1,
    })
    equal((await next.run(order!.run_id)).sub_status, 'cancelling')
    equal((await next.run(after)).sub_status, 'executing')
    deepEqual([room.errors, next.errors], [[], []])
  })

  test(`${name}: very many runs wait for a pause to end, and go on after it`, { skip: skip ?? false }, async (t) => {
    const room = await openTasksRoom(t, await fresh(t))
    const { task_id } = await room.create({ type: 'event_driven', trigger: { event_types: ['device.registered'] } })
    await registerMany(room)
    await room.call('tasks.pause', { task_id })
    await settle(room, task_id)
    deepEqual(await tally(room, task_id), { 'queued/paused': many })
    equal((await room.lease()).length, 0)
    await room.call('tasks.resume', { task_id })
    await settle(room, task_id)
    deepEqual(await tally(room, task_id), { queued: many })
  })
}

/** Sweeps until nothing is due. */
async function settle(room: TasksRoom, task_id: string): Promise<void> {
  for (let before = ''; ; ) {
    await room.tasks.sweep()
    const now = JSON.stringify(await tally(room, task_id))
    if (now === before) return
    before = now
  }
}

test('a task with very many runs is deleted in steps: what is under way may go on, what waits ends', async (t) => {
  const room = await openTasksRoom(t)
  const trigger = { event_types: ['device.registered' as const] }
  for (const [active, stands] of [
    ['cancel', { 'cancelled/task_deleted': many + 1 }],
    ['drain', { 'cancelled/task_deleted': many, queued: 1 }],
  ] as const) {
    const { task_id } = await room.create({ type: 'event_driven', trigger, dependencies: ['task-none'] })
    await registerMany(room)
    await room.execute(task_id)
    await room.call('tasks.delete', { task_id, active })
    await settle(room, task_id)
    deepEqual(await tally(room, task_id), stands)
    room.clock.at += 1
  }
})

test('however many wait for one thing, those behind them that wait for another go as soon as they may', async (t) => {
  const room = await openTasksRoom(t)
  const upstream = await room.create({ ...never, name: 'upstream' })
  const trigger = { event_types: ['device.registered' as const] }
  const { task_id } = await room.create({ type: 'event_driven', trigger, dependencies: ['task-none'] })
  await registerMany(room)
  await room.call('tasks.update', { task_id, dependencies: [upstream.task_id] })
  room.clock.at += 1
  await registerMany(room)
  deepEqual(await tally(room, task_id), { 'queued/dependency': 2 * many })
  room.clock.at += 1
  await room.execute(upstream.task_id)
  const [order] = await room.lease({ names: ['upstream'] })
  await room.complete(order!)
  deepEqual(await tally(room, task_id), { 'queued/dependency': many, queued: many })

  room.readings.set('cpu_usage', 90)
  await room.call('tasks.update', { task_id, dependencies: null, guard: { query: 'avg(cpu_usage) < 70 over 5m' } })
  room.clock.at += 1
  await registerMany(room)
  equal((await tally(room, task_id))['queued/guard'], many)
  room.readings.set('cpu_usage', 50)
  await room.pass(15_000)
  deepEqual(await tally(room, task_id), { 'queued/dependency': many, queued: 2 * many })
})

test('of those that go in turn the oldest that may goes, behind however many that may not', async (t) => {
  const room = await openTasksRoom(t)
  const trigger = { event_types: ['device.registered' as const] }
  const of = { type: 'event_driven', trigger, overlap: 'queue_all', dependencies: ['task-none'] } satisfies Partial<
    Input<'tasks.create'>
  >
  const { task_id } = await room.create(of)
  await registerMany(room)
  await room.call('tasks.update', { task_id, dependencies: null })
  for (const device_id of ['a', 'b', 'c']) {
    room.clock.at += 1
    await room.call('devices.put', { device_id })
  }
  await room.tasks.sweep()
  deepEqual(await tally(room, task_id), { 'queued/dependency': many, queued: 1, 'queued/concurrency': 2 })
  const done: number[] = []
  for (let left = 3; left > 0; left--) {
    const [order, ...more] = await room.lease()
    equal(more.length, 0)
    done.push(Date.parse((await room.run(order!.run_id)).created_at))
    await room.complete(order!)
  }
  deepEqual(done, done.toSorted())
  deepEqual(await tally(room, task_id), { 'queued/dependency': many, completed: 3 })
})
