import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import type { Input } from '@nexus/contract'
import { enginesUnderTest } from '../storage/state/testing/engines-under-test.ts'
import { openTasksRoom, type TasksRoom } from '../testing/tasks-room.ts'

const never = { type: 'scheduled', schedule: { cron: '0 0 1 1 *' } } as const

async function searched(room: TasksRoom, filter: Input<'runs.list'>): Promise<string[]> {
  const ids: string[] = []
  for (let cursor: string | undefined; ; ) {
    const page = await room.call('runs.list', { limit: 7, ...filter, ...(cursor && { cursor }) })
    ids.push(...page.runs.map(({ run_id }) => run_id))
    if (page.next_cursor === null) return ids
    cursor = page.next_cursor
  }
}

for (const { name, skip, fresh } of await enginesUnderTest()) {
  test(`${name}: runs of all tasks are listed newest first, page by page, by status, task, queue and worker`, {
    skip: skip ?? false,
  }, async (t) => {
    const room = await openTasksRoom(t, await fresh(t))
    const made: { run_id: string; task_id: string; queue: string }[] = []
    const tasks = []
    for (const queue of ['default', 'large'])
      tasks.push({ queue, ...(await room.create({ ...never, name: 'x', handler: { type: 'worker', queue } })) })
    for (let n = 0; n < 20; n++)
      for (const { queue, task_id } of tasks) {
        made.unshift({ run_id: await room.execute(task_id), task_id, queue })
        room.clock.at += n % 2
      }
    const idsOf = (wanted: (run: (typeof made)[number]) => boolean) => made.filter(wanted).map(({ run_id }) => run_id)
    deepEqual(
      await searched(room, {}),
      idsOf(() => true),
    )
    const { task_id } = tasks[1]!
    deepEqual(
      await searched(room, { task_id }),
      idsOf((run) => run.task_id === task_id),
    )
    deepEqual(
      await searched(room, { queue: 'large' }),
      idsOf(({ queue }) => queue === 'large'),
    )
    deepEqual(await searched(room, { queue: 'lar' }), [])

    const first = await room.lease({ worker_id: 'one', max: 3 })
    const second = await room.lease({ worker_id: 'two', queues: ['large'], max: 2 })
    for (const order of first) await room.complete(order)
    const by = (orders: typeof first) => idsOf(({ run_id }) => orders.some((order) => order.run_id === run_id))
    deepEqual(await searched(room, { status: 'completed' }), by(first))
    deepEqual(await searched(room, { status: 'running' }), by(second))
    deepEqual(await searched(room, { worker_id: 'one' }), by(first))
    deepEqual(await searched(room, { worker_id: 'one', status: 'queued' }), [])
    deepEqual(await searched(room, { status: 'queued', queue: 'large', task_id: tasks[0]!.task_id }), [])
    equal((await searched(room, { status: 'queued' })).length, 35)
  })

  test(`${name}: workers are listed by what they look for and have in hand, and no more once they are silent`, {
    skip: skip ?? false,
  }, async (t) => {
    const options = await fresh(t)
    const room = await openTasksRoom(t, options)
    const { task_id } = await room.create({ ...never, name: 'x y', timeout_seconds: 3600 })
    await room.create({ handler: { type: 'http', url: 'https://example.com/' } })
    const queues = [{ kind: 'task' as const, queue: '@http' }]
    await room.state.write((tx) => room.work.claim(tx, { queues, worker: 'nexus-1', max: 1 }))
    for (let n = 0; n < 2; n++) await room.execute(task_id)
    const last_seen_at = new Date(room.clock.at).toISOString()
    const [order] = await room.lease({ worker_id: 'busy', names: ['x y', 'z'], max: 2 })
    await room.lease({ worker_id: 'Idle', queues: ['other'], names: ['z'] })
    const busy = { worker_id: 'busy', queues: ['default'], names: ['x y', 'z'], runs: 2, last_seen_at }
    const idle = { worker_id: 'Idle', queues: ['other'], names: ['z'], runs: 0, last_seen_at }
    deepEqual((await room.call('workers.list', {})).workers, [idle, busy])
    const { workers, next_cursor } = await room.call('workers.list', { limit: 1 })
    deepEqual(workers, [idle])
    deepEqual((await room.call('workers.list', { limit: 1, cursor: next_cursor! })).workers, [busy])

    if (name === 'PostgreSQL') {
      const other = await openTasksRoom(t, { ...options, clock: room.clock })
      const elsewhere = { ...busy, names: ['x y'], last_seen_at: null }
      deepEqual((await other.call('workers.list', {})).workers, [elsewhere])
    }
    const held = { run_id: order!.run_id, lease_token: order!.lease_token }
    for (let n = 0; n < 4; n++) {
      await room.pass(25_000)
      await room.call('workers.heartbeat', { worker_id: 'busy', runs: [held] })
    }
    const left = (await room.call('workers.list', {})).workers
    deepEqual(
      left.map(({ worker_id, runs }) => [worker_id, runs]),
      [['busy', 1]],
    )
  })
}
