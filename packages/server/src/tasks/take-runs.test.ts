import { deepEqual, equal, ok } from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type RunOrder, taskLimits } from '@nexus/contract'
import { enginesUnderTest } from '../storage/state/testing/engines-under-test.ts'
import { openTasksRoom, type TasksRoom } from '../testing/tasks-room.ts'
import { until } from '../testing/until.ts'

/** Parameters of more than 900 KiB, once their templates are replaced. */
const large = { a: 'x'.repeat(30_000), b: ['$', '{parameters.a}'].join('').repeat(30) }
const weightOf = (runs: readonly { parameters: object }[]) => JSON.stringify(runs.map((run) => run.parameters)).length
const mebibytes = (count: number) => count * 1024 * 1024
const heldIn = ({ run_id, lease_token }: RunOrder) => ({ run_id, lease_token })

type Execute = (ctx: unknown, input: object) => Promise<unknown>

for (const { name, skip, fresh } of await enginesUnderTest()) {
  const guarantee = (title: string, body: (room: TasksRoom, task_id: string) => Promise<void>) =>
    test(`${name}: ${title}`, { skip: skip ?? false }, async (t: TestContext) => {
      const room = await openTasksRoom(t, await fresh(t))
      const { task_id } = await room.create({ type: 'scheduled', schedule: { cron: '0 0 1 1 *' } })
      await body(room, task_id)
      deepEqual(room.errors, [])
    })

  guarantee('one answer gives runs of a bounded size, and the others stay as they were', async (room, task_id) => {
    for (let n = 0; n < 4; n++) await room.execute(task_id, { n })
    for (let n = 0; n < 12; n++) await room.execute(task_id, large)
    const first = await room.lease({ max: 100 })
    ok(first.length > 4 && weightOf(first) <= taskLimits.ordersBytesMax + mebibytes(1), `${first.length}`)
    const waited = await room.lease({ max: 100, wait_seconds: 1 })
    ok(waited.length > 1 && weightOf(waited) <= taskLimits.ordersBytesMax + mebibytes(1), `${waited.length}`)
    const ends = [...first, ...waited].map(heldIn)
    const reported = await room.call('workers.report', { worker_id: 'w', ends, lease: { names: ['x'], max: 100 } })
    ok(reported.runs.length > 1 && weightOf(reported.runs) <= taskLimits.ordersBytesMax + mebibytes(1))
    const given = [...first, ...waited, ...reported.runs]
    const rest = await room.lease({ max: 100 })
    equal(new Set([...given, ...rest].map(({ run_id }) => run_id)).size, 16)
    ok([...given, ...rest].every(({ attempt }) => attempt === 1))
  })

  guarantee('what is made ready for a poll that waits is bounded too', async (room, task_id) => {
    const poll = room.lease({ max: 100, wait_seconds: 30 })
    await until('it waits', async () => (await room.call('workers.list', {})).workers.length > 0)
    // As they become ready in one transaction, the poll is given all of them.
    const { run: execute } = room.tasks.handlers['tasks.execute'] as { run: Execute }
    await room.state.write(async (tx) => {
      for (let n = 0; n < 8; n++) await execute({ ...room.ctx, tx }, { task_id, parameters: large })
    })
    const runs = await poll
    ok(runs.length > 1 && weightOf(runs) <= taskLimits.ordersBytesMax + mebibytes(1), `${runs.length}`)
    const rest = await room.lease({ max: 100 })
    equal(new Set([...runs, ...rest].map(({ run_id }) => run_id)).size, 8)
    ok(rest.every(({ attempt }) => attempt === 1))
  })

  guarantee('a page of runs is bounded in bytes, and its cursor leads to the next', async (room, task_id) => {
    for (let n = 0; n < 10; n++) await room.execute(task_id, large)
    for (const list of ['tasks.runs.list', 'runs.list'] as const) {
      const ids: string[] = []
      let pages = 0
      for (let cursor: string | null | undefined; cursor !== null; pages++) {
        const page = await room.call(list, { task_id, limit: 100, ...(cursor && { cursor }) })
        ok(page.runs.length > 0 && weightOf(page.runs) <= mebibytes(5))
        ids.push(...page.runs.map(({ run_id }) => run_id))
        cursor = page.next_cursor
      }
      deepEqual([new Set(ids).size, ids.length], [10, 10])
      ok(pages > 1)
    }
  })
}
