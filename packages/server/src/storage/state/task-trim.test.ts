import { deepEqual, equal, match } from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { openTasksRoom, type TasksRoom } from '../../testing/tasks-room.ts'
import type { StateEngine } from './engine.ts'
import { createTaskStore } from './tasks.ts'
import { enginesUnderTest } from './testing/engines-under-test.ts'
import { within } from './transaction.ts'

const keepMs = 60_000

/** A store of the room's state, and how many transactions it has opened. */
function counted(room: TasksRoom) {
  const seen = { writes: 0 }
  const write: StateEngine['write'] = (fn) => {
    seen.writes++
    return room.state.write(fn)
  }
  const store = createTaskStore({ ...room.state, write }, room.sealer)
  return { seen, trim: () => store.trim(room.clock.at - keepMs) }
}

async function kept(room: TasksRoom): Promise<string[]> {
  const rows = await room.state.reads.selectFrom('tasks').select('task_id').orderBy('task_id').execute()
  return rows.map((row) => row.task_id)
}

for (const { name, skip, fresh } of await enginesUnderTest()) {
  test(`${name}: a task that is deleted goes with its last run, and where nothing is to go nothing is written`, {
    skip: skip ?? false,
  }, async (t) => {
    const room = await openTasksRoom(t, await fresh(t))
    const create = () => room.create({ type: 'scheduled', schedule: { cron: '0 0 1 1 *' } })
    const [stays, goes, never] = [await create(), await create(), await create()]
    const { seen, trim } = counted(room)
    await room.execute(goes.task_id)
    const [order] = await room.lease()
    await room.complete(order!)
    for (const { task_id } of [goes, never]) await room.call('tasks.delete', { task_id })
    room.clock.at += keepMs
    equal(await trim(), false)
    deepEqual([seen.writes, (await kept(room)).length], [0, 3])
    room.clock.at += 1
    equal(await trim(), false)
    deepEqual([seen.writes, await kept(room)], [1, [stays.task_id]])
    equal((await room.store.findRuns([order!.run_id])).length, 0)
    await trim()
    equal(seen.writes, 1)
  })

  test(`${name}: more that are deleted than go at once are told of`, { skip: skip ?? false }, async (t) => {
    const room = await openTasksRoom(t, await fresh(t))
    const { task_id } = await room.create()
    const columns = sql`created_by, created_at, trace_id, event_id, type, definition, runs_as, updated_at, version, status, active_runs,
      runs_made, own_runs, failures_in_row, consumed_json`
    await room.state.write(async (tx) => {
      for (let n = 0; n < 250; n++)
        await sql`insert into tasks (task_id, deleted_at, ${columns}) select ${`gone-${n}`}, 1, ${columns} from tasks
          where task_id = ${task_id}`.execute(within(tx))
    })
    const { trim } = counted(room)
    deepEqual([await trim(), await trim()], [true, false])
    deepEqual(await kept(room), [task_id])
  })
}

test('deleted tasks, and the runs of a worker, are found among however many others', async (t) => {
  const room = await openTasksRoom(t)
  const plan = async (text: ReturnType<typeof sql>) => JSON.stringify((await text.execute(room.state.reads)).rows)
  match(await plan(sql`explain query plan select task_id from tasks where deleted_at < 5`), /tasks_deleted/)
  const held = sql`explain query plan select run_id from task_runs where status = 'running' and worker_id = 'w'`
  match(await plan(held), /task_runs_leased/)
})
