import { deepEqual, equal, match, rejects } from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type RunEnd, type RunOrder, taskLimits } from '@nexus/contract'
import { enginesUnderTest } from '../storage/state/testing/engines-under-test.ts'
import { openTasksRoom, type TasksRoom } from '../testing/tasks-room.ts'

const broken = { code: 'broken', message: 'It broke' }
const pollId = 'p123456789abcdef'
const heldIn = ({ run_id, lease_token }: RunOrder) => ({ run_id, lease_token })

for (const { name, skip, fresh } of await enginesUnderTest()) {
  const guarantee = (title: string, body: (room: TasksRoom, task_id: string) => Promise<void>) =>
    test(`${name}: ${title}`, { skip: skip ?? false }, async (t: TestContext) => {
      const room = await openTasksRoom(t, await fresh(t))
      const { task_id } = await room.create({
        ...{ type: 'scheduled', schedule: { cron: '0 0 1 1 *' } },
        retry_policy: { max_retries: 1, initial_delay_seconds: 0 },
      })
      await body(room, task_id)
      deepEqual(room.errors, [])
    })

  /** Runs that a worker has. */
  async function leased(room: TasksRoom, task_id: string, count: number): Promise<RunOrder[]> {
    for (let n = 0; n < count; n++) await room.execute(task_id, { n })
    return room.lease({ max: count })
  }

  const report = (room: TasksRoom, ends: RunEnd[], lease?: object) =>
    room.call('workers.report', { worker_id: 'w', ends, ...(lease && { lease: { names: ['x'], ...lease } }) })

  guarantee(
    'several ends are one transaction, each answered by itself, and the same again as the first time',
    async (room, task_id) => {
      const [done, failed, spent, large, both, lost] = await leased(room, task_id, 6)
      await room.fail(lost!)
      const ends: RunEnd[] = [
        { ...heldIn(done!), result: { rows: 3 } },
        { ...heldIn(lost!), result: 'late' },
        { ...heldIn(failed!), error: { ...broken, retry_after_seconds: 60 } },
        { ...heldIn(large!), result: 'x'.repeat(taskLimits.resultBytesMax) },
        { ...heldIn(both!), result: 1, error: broken },
        { run_id: 'run-none', lease_token: 'lease-none' },
        { ...heldIn(spent!), error: { ...broken, retryable: false } },
      ]
      const before = (await room.toldOfTasks()).length
      const first = await report(room, ends)
      const shown = first.ends.map((end) =>
        'error' in end ? (end.error.details.reason ?? end.error.details.field) : end.status,
      )
      deepEqual(shown, ['completed', 'lease_lost', 'queued', 'result', 'result', 'no_such_run', 'failed'])
      deepEqual(
        first.ends.map(({ run_id }) => run_id),
        ends.map(({ run_id }) => run_id),
      )
      deepEqual(first.runs, [])
      const lostEnd = first.ends[1]!
      equal('error' in lostEnd && lostEnd.error.code, 'CONFLICT')
      const told = (await room.toldOfTasks()).slice(before)
      deepEqual(
        told.map(({ type, data }) => [type, data.run_id]),
        [
          ['task.completed', done!.run_id],
          ['task.progress', failed!.run_id],
          ['task.failed', spent!.run_id],
        ],
      )
      deepEqual(
        told.map(({ trace_id }) => trace_id),
        [done, failed, spent].map((order) => order!.trace_id),
      )
      deepEqual((await report(room, ends)).ends, first.ends)
      equal((await room.toldOfTasks()).length, before + 3)
      deepEqual((await room.run(done!.run_id)).result, { rows: 3 })
      for (const order of [large, both]) equal((await room.run(order!.run_id)).status, 'running')
      const { active_runs, last_run } = await room.get(task_id)
      deepEqual([active_runs, last_run?.run_id], [4, spent!.run_id])
    },
  )

  guarantee('what is reported alone is answered as in a report of many', async (room, task_id) => {
    const [one] = await leased(room, task_id, 1)
    const { ends } = await report(room, [{ ...heldIn(one!), error: { ...broken, retryable: false } }])
    deepEqual(ends, [await room.fail(one!, { retryable: false })])
  })

  guarantee(
    'an end that is none by its form is refused by itself, and names what is wrong with it',
    async (room, task_id) => {
      const [good, ...bad] = await leased(room, task_id, 6)
      const ends = [
        null,
        { ...heldIn(bad[0]!), run_id: 'a b' },
        { ...heldIn(bad[0]!), error: { code: '', message: 'm' } },
        { ...heldIn(bad[1]!), error: null },
        { ...heldIn(bad[2]!), outcome: 'unknown' },
        { run_id: bad[3]!.run_id },
        { ...heldIn(good!), result: 1 },
      ]
      const answer = await report(room, ends as RunEnd[])
      const shown = answer.ends.map((end) =>
        'error' in end ? [end.run_id, end.error.code, end.error.details.field] : [end.run_id, end.status],
      )
      const invalid = (order: RunOrder, field: string) => [order.run_id, 'INVALID_REQUEST', field]
      deepEqual(shown, [
        [null, 'INVALID_REQUEST', 'end'],
        [null, 'INVALID_REQUEST', 'run_id'],
        invalid(bad[0]!, 'error.code'),
        invalid(bad[1]!, 'error'),
        invalid(bad[2]!, 'outcome'),
        invalid(bad[3]!, 'lease_token'),
        [good!.run_id, 'completed'],
      ])
      for (const order of bad) equal((await room.run(order.run_id)).status, 'running')
    },
  )

  guarantee(
    'of the long message of an error the beginning is kept, with a mark; the same again is a repeat',
    async (room, task_id) => {
      const [order] = await leased(room, task_id, 1)
      const end = { ...heldIn(order!), error: { code: 'c', message: 'x'.repeat(20_000), retryable: false } }
      const { ends } = await report(room, [end, end])
      deepEqual(
        ends.map((one) => 'status' in one && one.status),
        ['failed', 'failed'],
      )
      const message = (await room.run(order!.run_id)).error!.message
      deepEqual([message.length, message.slice(-2)], [taskLimits.errorMessageLengthMax, 'x…'])
    },
  )

  guarantee(
    'with a report runs are taken that are ready then, up to so many, those that it makes ready too',
    async (room, task_id) => {
      const [first, second] = await leased(room, task_id, 2)
      const waiting = [await room.execute(task_id, { n: 2 }), await room.execute(task_id, { n: 3 })]
      const ends = [
        { ...heldIn(first!), result: 1 },
        { ...heldIn(second!), error: broken },
      ]
      const { runs } = await report(room, ends, { max: 2, poll_id: pollId })
      deepEqual(runs.map(({ run_id }) => run_id).toSorted(), [waiting[0]!, second!.run_id].toSorted())
      for (const { lease_token } of runs) match(lease_token, new RegExp(`^lease-${pollId}-`))
      const again = runs.find(({ run_id }) => run_id === second!.run_id)!
      deepEqual([again.attempt, again.parameters], [2, { n: 1 }])
      deepEqual(await room.lease().then((rest) => rest.map(({ run_id }) => run_id)), [waiting[1]])
      const third = await report(room, runs.map(heldIn), { queues: ['default', 'other'], max: 10 })
      deepEqual(third.runs, [])
      deepEqual((await room.call('workers.list', {})).workers[0]!.queues, ['default', 'other'])
    },
  )

  guarantee(
    'what a worker never heard of it gives back, also where it says so before the report is there',
    async (room, task_id) => {
      const [first, second] = await leased(room, task_id, 2)
      const next = await room.execute(task_id)
      const { runs } = await report(room, [heldIn(first!)], { poll_id: pollId })
      equal(runs[0]!.run_id, next)
      const release = () => room.call('workers.release', { worker_id: 'w', poll_ids: [pollId] })
      deepEqual((await release()).runs, [{ run_id: next, status: 'queued' }])
      equal((await room.run(next)).attempt, 0)
      deepEqual((await report(room, [heldIn(second!)], { poll_id: pollId })).runs, [])
      const { status, attempt } = await room.run(next)
      deepEqual([status, attempt], ['queued', 0])
      equal((await room.run(second!.run_id)).status, 'completed')
    },
  )

  guarantee(
    'what is said of an attempt that was lost is not told of the next, which the same report takes',
    async (room, task_id) => {
      const [order, other] = await leased(room, task_id, 2)
      await room.fail(order!)
      const ends = [{ ...heldIn(order!), result: 'late' }, heldIn(other!)]
      const { runs } = await report(room, ends, { max: 5 })
      deepEqual([runs[0]!.run_id, runs[0]!.attempt], [order!.run_id, 2])
      const { status, result, error } = await room.run(order!.run_id)
      deepEqual([status, result, error], ['running', null, broken])
    },
  )

  guarantee(
    'of one run in a report twice the first counts, and the second is about what that made of it',
    async (room, task_id) => {
      const [order] = await leased(room, task_id, 1)
      const done = { ...heldIn(order!), result: 'first' }
      const { ends } = await report(room, [done, { ...done, result: 'second' }, done])
      deepEqual(
        ends.map((end) => ('error' in end ? end.error.code : end.status)),
        ['completed', 'CONFLICT', 'completed'],
      )
      equal((await room.run(order!.run_id)).result, 'first')
    },
  )

  guarantee('where nothing could be kept nothing is, and the same report is taken later', async (room, task_id) => {
    const orders = await leased(room, task_id, 3)
    await room.execute(task_id)
    const ends = orders.map((order) => ({ ...heldIn(order), result: 1 }))
    const { saveRuns } = room.store
    room.store.saveRuns = async (tx, runs) => {
      await saveRuns(tx, runs)
      if (runs.some(({ status }) => status === 'running')) throw new Error('full')
    }
    await rejects(report(room, ends, {}), /full/)
    room.store.saveRuns = saveRuns
    deepEqual(await room.stands(task_id), [...orders.map(() => 'running/executing'), 'queued'])
    const again = await report(room, ends, {})
    deepEqual(
      again.ends.map((end) => 'status' in end && end.status),
      ends.map(() => 'completed'),
    )
    equal(again.runs.length, 1)
  })
}

test('a report is bounded, and refused as a whole where it is no report', async (t) => {
  const room = await openTasksRoom(t)
  const end = { run_id: 'run-1', lease_token: 'lease-1' }
  const refused = (input: object, field: RegExp) =>
    rejects(
      room.call('workers.report', { worker_id: 'w', ends: [end], ...input }),
      (error: { details: { field: string } }) => {
        match(error.details.field, field)
        return true
      },
    )
  await refused({ ends: [] }, /^ends$/)
  await refused({ ends: Array.from({ length: taskLimits.endsMax + 1 }, () => end) }, /^ends$/)
  await refused({ ends: end }, /^ends$/)
  await refused({ lease: { names: [] } }, /^lease\.names$/)
  await refused({ lease: { names: ['x'], wait_seconds: 1 } }, /^lease\.wait_seconds$/)
  const places = { names: Array.from({ length: 100 }, (_, n) => `n${n}`), queues: ['a', 'b', 'c'] }
  await refused({ lease: places }, /^names$/)
})
