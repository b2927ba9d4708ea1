import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import type { Event } from '@nexus/contract'
import fc from 'fast-check'
import { Failure } from '../core/failure.ts'
import { enginesUnderTest } from '../storage/state/testing/engines-under-test.ts'
import { openTasksRoom, type TasksRoom } from '../testing/tasks-room.ts'

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
