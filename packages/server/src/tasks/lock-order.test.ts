import { deepEqual, equal, ok } from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { Failure } from '../core/failure.ts'
import { enginesUnderTest } from '../storage/state/testing/engines-under-test.ts'
import { deadlocks, isWaiting } from '../testing/deadlocks.ts'
import { openTasksRoom, type TasksRoom, type TasksRoomOptions } from '../testing/tasks-room.ts'
import { until } from '../testing/until.ts'

const { skip: reason, fresh } = (await enginesUnderTest()).find(({ name }) => name === 'PostgreSQL')!
const skip = reason ?? false
const connectionsMax = 4

async function nodes(t: TestContext, options: TasksRoomOptions = {}): Promise<[TasksRoom, TasksRoom]> {
  const place = { ...(await fresh(t)), connectionsMax }
  const first = await openTasksRoom(t, { ...place, ...options })
  return [first, await openTasksRoom(t, { ...place, clock: first.clock })]
}

const deadlocksOf = (rooms: readonly TasksRoom[]) =>
  deadlocks(
    rooms.map(({ state }) => state),
    connectionsMax,
  )

/**
 * As a node writes runs for the next time, `meanwhile` begins at another one; the first goes on once that waits for it.
 * Resolves when both are done.
 */
function crossing(first: TasksRoom, meanwhile: () => Promise<unknown>): Promise<void> {
  const { saveRuns } = first.store
  const crossed = Promise.withResolvers<void>()
  first.store.saveRuns = async (tx, runs) => {
    await saveRuns(tx, runs)
    if (first.store.saveRuns === saveRuns) return
    first.store.saveRuns = saveRuns
    let isOver = false
    const other = meanwhile().finally(() => {
      isOver = true
    })
    other.then(() => crossed.resolve(), crossed.reject)
    await until('one waits for the other', async () => isOver || (await isWaiting(first.state)))
  }
  return crossed.promise
}

const rarely = { type: 'scheduled', schedule: { cron: '0 0 1 1 *' } } as const

test('a command that fails for the run of a task and a cancel of that task do not wait in a circle', {
  skip,
}, async (t) => {
  const failed = Promise.withResolvers<void>()
  const submitted = Promise.withResolvers<void>()
  const [first, second] = await nodes(t, {
    acting: {
      principal: async () => first.ctx.principal,
      async invoke(_id, _ctx, _input, options) {
        const output = { command_id: 'cmd-1' } as never
        await first.state.write(async (tx) => options?.within?.(tx, output))
        submitted.resolve()
        return output
      },
      async commandEnd() {
        await failed.promise
        return { status: 'failed' } as never
      },
    },
  })
  const handler = { type: 'command', command: 'x', target: { device_id: 'd' } } as const
  const { task_id } = await second.create({ ...rarely, handler })
  await second.execute(task_id)
  first.tasks.start()
  await submitted.promise
  const cancelled = crossing(first, () => second.call('tasks.cancel', { task_id }))
  failed.resolve()
  await cancelled
  await until('the run has ended', async () => (await second.get(task_id)).active_runs === 0)
  deepEqual(first.errors, [])
  equal(await deadlocksOf([first, second]), 0)
})

test('runs that are more than one answer may have, and a cancel of their task, do not wait in a circle', {
  skip,
}, async (t) => {
  const [first, second] = await nodes(t)
  const { task_id } = await second.create(rarely)
  const large = { a: 'x'.repeat(30_000), b: ['$', '{parameters.a}'].join('').repeat(30) }
  for (const take of [
    () => first.lease(),
    async () => {
      const [end] = await first.lease({ max: 1 })
      const { run_id, lease_token } = end!
      const ends = [{ run_id, lease_token, error: { code: 'x', message: '', retryable: false } }]
      return (await first.call('workers.report', { worker_id: 'w', ends, lease: { names: ['x'], max: 100 } })).runs
    },
  ]) {
    for (let n = 0; n < 8; n++) await second.execute(task_id, large)
    const cancelled = crossing(first, () => second.call('tasks.cancel', { task_id }))
    const taken = await take()
    await cancelled
    ok(taken.length < 8)
    await first.pass(31_000)
    equal((await second.get(task_id)).active_runs, 0)
  }
  equal(await deadlocksOf([first, second]), 0)
})

/** Whoever came too late is told so; nothing else goes wrong. */
async function settled(doing: readonly Promise<unknown>[]): Promise<void> {
  for (const outcome of await Promise.allSettled(doing)) {
    if (outcome.status === 'fulfilled') continue
    ok(outcome.reason instanceof Failure && outcome.reason.code === 'CONFLICT', String(outcome.reason?.stack))
  }
}

test('on two nodes, ends, progress, releases, cancels, pauses, changes and time that pass each other never wait in a circle', {
  skip,
}, async (t) => {
  const [first, second] = await nodes(t)
  for (let round = 0; round < 8; round++) {
    const of = { ...rarely, overlap: 'allow', timeout_seconds: 60 } as const
    const up = await first.create(of)
    const task = await second.create({ ...of, dependencies: [up.task_id] })
    const ids = [up.task_id, task.task_id]
    for (let n = 0; n < 6; n++) for (const id of ids) await first.execute(id)
    const poll_id = `poll${round}`.padEnd(16, '0')
    const given = await second.lease({ max: 10 })
    const released = await first.lease({ poll_id, worker_id: 'v', max: 2 })
    equal(given.length + released.length, 12)
    const reports = given.flatMap(({ run_id, lease_token }, i) => {
      const [room, held] = [i % 2 === 0 ? first : second, { run_id, lease_token }]
      return [
        room.call('runs.heartbeat', { ...held, progress: { percent: 1 }, checkpoint: { n: 1 } }),
        room.call('runs.logs.add', { ...held, lines: [{ message: 'x' }] }),
        i < 5 ? room.complete(held) : room.fail(held),
      ]
    })
    if (round % 2 === 0) first.clock.at += 31_000
    await settled([
      ...reports,
      second.call('workers.release', { worker_id: 'v', poll_ids: [poll_id] }),
      first.call('tasks.pause', { task_id: ids[0]! }),
      second.call('tasks.update', { task_id: ids[1]!, parameters: { round } }),
      first.call('tasks.cancel', { task_id: ids[1]! }),
      second.call('tasks.cancel', { task_id: ids[0]! }),
      second.work.sweep(),
      first.tasks.sweep(),
    ])
    for (const id of ids) await first.call('tasks.cancel', { task_id: id }).catch(() => {})
    await second.pass(31_000)
    for (const id of ids) equal((await first.get(id)).active_runs, 0)
  }
  deepEqual([first.errors, second.errors], [[], []])
  equal(await deadlocksOf([first, second]), 0)
})
