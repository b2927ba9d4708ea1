import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { createTaskStore } from '../storage/state/index.ts'
import { enginesUnderTest } from '../storage/state/testing/engines-under-test.ts'
import { within } from '../storage/state/transaction.ts'
import { openTasksRoom, type TasksRoom } from '../testing/tasks-room.ts'
import { Scheduler } from './scheduler.ts'

/** As if what is kept of a task could not be read; returns what mends it. */
function breakTask(room: TasksRoom, bad: string): () => void {
  const { lock } = room.store
  room.store.lock = async (tx, taskId) => {
    if (taskId === bad) throw new Error('unreadable')
    return lock(tx, taskId)
  }
  return () => {
    room.store.lock = lock
  }
}

async function complete(room: TasksRoom, task_id: string): Promise<void> {
  room.clock.at += 1000
  await room.execute(task_id)
  const [order] = await room.lease()
  await room.complete(order!)
}

for (const { name, skip, fresh } of await enginesUnderTest()) {
  test(`${name}: a task that cannot be advanced holds up no other, however often something happened to it`, {
    skip: skip ?? false,
  }, async (t) => {
    const room = await openTasksRoom(t, await fresh(t))
    const every = { type: 'scheduled', schedule: { every: '10m' } } as const
    const [bad, upstream] = [await room.create(every), await room.create(every)]
    const { task_id } = await room.create({ type: 'dependent', name: 'y', dependencies: [upstream.task_id] })
    const mend = breakTask(room, bad.task_id)
    await room.state.write((tx) =>
      within(tx)
        .insertInto('task_signals')
        .values(Array.from({ length: 1200 }, () => ({ task_id: bad.task_id })))
        .execute(),
    )
    await complete(room, upstream.task_id)
    deepEqual(await room.stands(task_id), ['queued/no_worker'])
    ok(room.errors.every((error) => String(error).includes('unreadable')))
    // Nothing that happened to it is forgotten.
    equal((await room.store.signals(2000, [])).length, 1200)
    mend()
    await room.tasks.sweep()
    deepEqual(await room.store.signals(1, []), [])
  })

  test(`${name}: of those that depend on a task one that cannot be advanced holds up no other`, {
    skip: skip ?? false,
  }, async (t) => {
    const room = await openTasksRoom(t, await fresh(t))
    const upstream = await room.create({ type: 'scheduled', schedule: { every: '10m' } })
    const dependencies = [upstream.task_id]
    const made = [1, 2, 3].map(() => room.create({ type: 'dependent', name: 'y', dependencies }))
    const all = (await Promise.all(made)).map(({ task_id }) => task_id)
    const mend = breakTask(room, all[1]!)
    await complete(room, upstream.task_id)
    const stands = async () => (await Promise.all(all.map((id) => room.stands(id)))).flat().length
    equal(await stands(), 2)
    mend()
    await room.tasks.sweep()
    equal(await stands(), 3)
  })

  test(`${name}: a run that cannot be read keeps no other from being told as stalled`, {
    skip: skip ?? false,
  }, async (t) => {
    const room = await openTasksRoom(t, await fresh(t))
    const { task_id } = await room.create({ type: 'scheduled', schedule: { cron: '0 0 1 1 *' } })
    const [bad, good] = [await room.execute(task_id), await room.execute(task_id)]
    await room.state.write((tx) =>
      within(tx).updateTable('task_runs').set({ parameters: 'v1.unreadable' }).where('run_id', '=', bad).execute(),
    )
    // As another process would, which knows nothing of them but what is kept.
    const store = createTaskStore(room.state, room.sealer)
    const [told, errors] = [[] as string[], [] as unknown[]]
    const scheduler = new Scheduler({
      store,
      advance: async () => ({ next: null }),
      stalled: async (tx, runId) => void told.push((await store.lockRuns(tx, [runId]))[0]!.runId),
      now: () => room.clock.at + 61_000,
      onError: (cause) => errors.push(cause),
    })
    await scheduler.sweep()
    deepEqual([told, errors.length], [[good], 1])
  })
}
