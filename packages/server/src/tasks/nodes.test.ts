import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import type { Event } from '@nexus/contract'
import fc from 'fast-check'
import { Failure } from '../core/failure.ts'
import { enginesUnderTest } from '../storage/state/testing/engines-under-test.ts'
import { isWaiting } from '../testing/deadlocks.ts'
import { callerOver } from '../testing/gate.ts'
import { openTasksRoom, type TasksRoom } from '../testing/tasks-room.ts'
import { until } from '../testing/until.ts'
import { Triggers } from './triggers.ts'

const minuteMs = 60_000

for (const { name, skip, fresh } of await enginesUnderTest()) {
  /** Two nodes over one state, where the engine takes that. */
  async function nodes(t: Parameters<typeof openTasksRoom>[0]): Promise<[TasksRoom, TasksRoom]> {
    const options = await fresh(t)
    const first = await openTasksRoom(t, options)
    return [first, name === 'PostgreSQL' ? await openTasksRoom(t, { ...options, clock: first.clock }) : first]
  }

  test(`${name}: nodes that sweep at once fire each tick once, and skip none`, { skip: skip ?? false }, async (t) => {
    const [first, second] = await nodes(t)
    first.clock.at = Math.ceil(first.clock.at / minuteMs) * minuteMs
    const from = first.clock.at
    const tasks = await Promise.all(
      Array.from({ length: 8 }, () =>
        first.create({ type: 'scheduled', schedule: { cron: '* * * * *' }, overlap: 'allow' }),
      ),
    )
    const rounds = 10
    for (let i = 0; i < rounds; i++) {
      first.clock.at += minuteMs
      await Promise.all([first.tasks.sweep(), second.tasks.sweep()])
      const orders = (await Promise.all([first.lease({ max: 4 }), second.lease({ max: 100 })])).flat()
      await Promise.all(orders.map((order, n) => (n % 2 === 0 ? first : second).complete(order)))
    }
    for (const { task_id } of tasks) {
      const ticks = (await second.runs(task_id)).map(({ scheduled_for }) => Date.parse(scheduled_for!) - from)
      deepEqual(
        ticks,
        Array.from({ length: rounds }, (_, i) => (i + 1) * minuteMs),
      )
    }
    const told = await toldOf([first, second])
    equal(told.filter(({ type }) => type === 'task.completed').length, 8 * rounds)
    deepEqual([first.errors, second.errors], [[], []])
  })

  test(`${name}: who locks a task again in a transaction has the same one, also before it is saved`, {
    skip: skip ?? false,
  }, async (t) => {
    const room = await openTasksRoom(t, await fresh(t))
    const { task_id } = await room.create({ type: 'scheduled', schedule: { every: '1h' } })
    await room.state.write(async (tx) => {
      const task = (await room.store.lock(tx, task_id))!
      task.failuresInRow = 7
      equal(await room.store.lock(tx, task_id), task)
      await room.store.save(tx, task)
      equal(await room.store.lock(tx, task_id), task)
    })
    equal((await room.state.write((tx) => room.store.lock(tx, task_id)))!.failuresInRow, 7)
  })

  test(`${name}: whatever clients, workers and the clock do at once, a task says how its runs stand, and each ends once`, {
    skip: skip ?? false,
  }, async (t) => {
    const [first, second] = await nodes(t)
    const overlap = fc.constantFrom('skip', 'queue_one', 'queue_all', 'cancel_running', 'allow')
    const property = fc.asyncProperty(
      overlap,
      fc.array(fc.array(fc.tuple(deeds, fc.boolean()), { minLength: 2, maxLength: 6 }), { minLength: 1, maxLength: 6 }),
      async (overlap, rounds) => {
        const { task_id } = await first.create({
          type: 'scheduled',
          schedule: { every: '1m' },
          overlap,
          timeout_seconds: 90,
          retry_policy: { max_retries: 1, initial_delay_seconds: 30 },
        })
        for (const round of rounds) {
          const doing = round.map(([deed, isSecond]) => perform(isSecond ? second : first, task_id, deed))
          for (const outcome of await Promise.allSettled(doing)) {
            if (outcome.status === 'fulfilled') continue
            ok(outcome.reason instanceof Failure && outcome.reason.code === 'CONFLICT', String(outcome.reason?.stack))
          }
          await assertStanding(first, task_id)
        }
        await first.call('tasks.pause', { task_id }).catch(() => {})
        await first.call('tasks.cancel', { task_id }).catch(() => {})
        await first.pass(20_000)
        const { active_runs } = await assertStanding(second, task_id)
        equal(active_runs, 0)
        await assertEndsOnce([first, second], task_id)
        await first.call('tasks.delete', { task_id })
      },
    )
    await fc.assert(property, { numRuns: name === 'SQLite' ? 60 : 25 })
    deepEqual([first.errors, second.errors], [[], []])
  })
}

const { skip = false, fresh } = (await enginesUnderTest()).find(({ name }) => name === 'PostgreSQL')!

test('a task that comes to depend on one that ends at another node, in that moment, runs', { skip }, async (t) => {
  const options = await fresh(t)
  const first = await openTasksRoom(t, options)
  const second = await openTasksRoom(t, { ...options, clock: first.clock })
  const up = await first.create({ type: 'scheduled', schedule: { every: '1h' } })
  const dependencies = [up.task_id]
  for (const depend of [
    (call: typeof first.call) => call('tasks.create', { name: 'y', type: 'dependent', dependencies }),
    (call: typeof first.call, task_id: string) => call('tasks.update', { task_id, dependencies }),
  ]) {
    const idle = await first.create({ type: 'dependent', name: 'y', dependencies: ['task-none'] })
    await first.execute(up.task_id)
    const [order] = await first.lease()
    first.clock.at += 1000
    const written = Promise.withResolvers<void>()
    const commit = Promise.withResolvers<void>()
    const slow = callerOver(first.tasks.handlers, {
      ctx: first.ctx,
      write: (fn) =>
        first.state.write(async (tx) => {
          const output = await fn(tx)
          written.resolve()
          await commit.promise
          return output
        }),
    })
    const making = depend(slow, idle.task_id)
    await written.promise
    first.clock.at += 1000
    let isOver = false
    const ending = second.complete(order!).finally(() => {
      isOver = true
    })
    await until('the end is noted, or waits', async () => isOver || (await isWaiting(second.state)))
    commit.resolve()
    const { task_id } = await making
    await ending
    await first.tasks.sweep()
    deepEqual(await second.stands(task_id), ['queued/no_worker'])
  }
})

test('events at one node trigger a task that was made at another, and no more once it was deleted', {
  skip,
}, async (t) => {
  const options = await fresh(t)
  const first = await openTasksRoom(t, options)
  const second = await openTasksRoom(t, { ...options, clock: first.clock })
  // No look finds anything, so that it is known by what is told of it alone.
  const store = { ...second.store, listening: async () => [] }
  const { now } = second.ctx
  const triggers = new Triggers({ store, now, fanOutsMax: 10, wake: () => {}, onError: () => {} })
  triggers.start()
  t.after(() => triggers.stop())
  const { task_id } = await first.create({ type: 'event_driven', trigger: { event_types: ['device.online'] } })
  const data = { device_id: 'd' }
  const event = { seq: 1, type: 'device.online', subject: 'd', data, at: now(), traceId: '', causeId: null } as const
  const noted = () =>
    second.state.write(async (tx) => {
      await triggers.published(tx, event as never)
      const noted = await second.store.triggers(tx, task_id, 10)
      await second.store.forgetTriggers(tx, task_id)
      return noted.length
    })
  await until('it is triggered', async () => (await noted()) === 1)
  await first.call('tasks.delete', { task_id })
  await until('it is triggered no more', async () => (await noted()) === 0)
})

type Deed = 'execute' | 'tick' | 'work' | 'break' | 'abandon' | 'cancel' | 'cancel run' | 'pause' | 'resume' | 'change'

const deeds = fc.constantFrom<Deed>(
  'execute',
  'tick',
  'work',
  'break',
  'abandon',
  'cancel',
  'cancel run',
  'pause',
  'resume',
  'change',
)

async function perform(room: TasksRoom, task_id: string, deed: Deed): Promise<unknown> {
  switch (deed) {
    case 'execute':
      return room.execute(task_id)
    case 'tick':
      return room.pass(minuteMs)
    case 'work':
      for (const order of await room.lease({ max: 3 })) await room.complete(order)
      return
    case 'break':
      for (const order of await room.lease({ max: 3 })) await room.fail(order)
      return
    case 'abandon':
      return room.lease({ max: 1 })
    case 'cancel':
      return room.call('tasks.cancel', { task_id })
    case 'cancel run': {
      const [run] = await room.runs(task_id)
      return run && room.call('runs.cancel', { run_id: run.run_id })
    }
    case 'pause':
      return room.call('tasks.pause', { task_id })
    case 'resume':
      return room.call('tasks.resume', { task_id })
    case 'change':
      return room.call('tasks.update', { task_id, parameters: { at: room.clock.at } })
    default:
      return deed satisfies never
  }
}

/** Of runs the newest hundred are enough: no property makes more. */
async function assertStanding(room: TasksRoom, task_id: string) {
  const task = await room.get(task_id)
  const runs = await room.runs(task_id)
  const active = runs.filter(({ completed_at }) => completed_at === null)
  const running = active.filter(({ status }) => status === 'running')
  equal(task.active_runs, active.length, JSON.stringify(runs.map(({ status }) => status)))
  if (running.length > 0) equal(task.status, 'running')
  else ok(task.status === 'scheduled' || task.status === 'paused', task.status)
  return task
}

async function assertEndsOnce(rooms: readonly TasksRoom[], task_id: string): Promise<void> {
  const ends = (await toldOf(rooms)).filter(
    ({ type, subject, data }) =>
      subject === task_id &&
      /completed|failed|cancelled|timeout|skipped|missed/.test(type) &&
      !(type === 'task.failed' && data.status === 'timeout'),
  )
  const runs = await rooms[0]!.runs(task_id)
  deepEqual(ends.map(({ data }) => data.run_id).toSorted(), runs.map(({ run_id }) => run_id).toSorted())
}

/** A node tells of what it knows itself. */
async function toldOf(rooms: readonly TasksRoom[]): Promise<Event[]> {
  const told = new Map<string, Event>()
  for (const room of rooms)
    for (let after: string | undefined; ; ) {
      const page = await room.call('events.list', { types: 'task.*', limit: 1000, ...(after && { after }) })
      for (const event of page.events) told.set(event.id, event)
      if (page.next_cursor === null) break
      after = page.next_cursor
    }
  return [...told.values()]
}
