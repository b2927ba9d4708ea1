import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import type { Tx } from '../core/context.ts'
import { newTraceId } from '../core/ids.ts'
import { enginesUnderTest } from '../storage/state/testing/engines-under-test.ts'
import { openTasksRoom, type TasksRoom } from '../testing/tasks-room.ts'

/** More than are made in one transaction. */
const many = 250
const atOnceMax = 101
const minuteMs = 60_000

/** How many runs each transaction made. With the one that is given the process is as if killed. */
function transactions(room: TasksRoom) {
  const { insertRun } = room.store
  const made = new Map<Tx, number>()
  const seen = { killedWith: Number.POSITIVE_INFINITY, largest: () => Math.max(...made.values()) }
  let count = 0
  room.store.insertRun = async (tx, run) => {
    if (++count === seen.killedWith) throw new Error('killed')
    made.set(tx, (made.get(tx) ?? 0) + 1)
    await insertRun(tx, run)
  }
  return seen
}

async function runsOf(room: TasksRoom, task_id: string) {
  const places = await room.store.places({ taskId: task_id, status: undefined, before: undefined, limit: 5000 })
  return room.store.findRuns(places.map(({ runId }) => runId))
}

async function publish(room: TasksRoom, from: number): Promise<void> {
  const ctx = { traceId: newTraceId() }
  await room.state.write(async (tx) => {
    for (let n = from; n < from + many; n++)
      await room.events.publish(
        { ...ctx, tx },
        { type: 'telemetry.alert', subject: 'd', data: { device_id: `d-${n}` } },
      )
  })
}

for (const { name, skip, fresh } of await enginesUnderTest()) {
  const guarantee = (title: string, body: (room: TasksRoom) => Promise<void>) =>
    test(`${name}: ${title}`, { skip: skip ?? false }, async (t) => body(await openTasksRoom(t, await fresh(t))))

  guarantee('very many events make their runs in steps, each one, whatever is killed when', async (room) => {
    const create = (more: object) =>
      room.create({ type: 'event_driven', trigger: { event_types: ['telemetry.alert'], ...more } })
    const { task_id } = await create({})
    const debounced = await create({ debounce_seconds: 10, dedupe_key: '\u0024{event.data.device_id}' })
    const seen = transactions(room)
    await publish(room, 0)
    seen.killedWith = 150
    await room.tasks.sweep()
    const some = (await runsOf(room, task_id)).length
    ok(some > 0 && some < many, String(some))
    await room.pass(1000)
    await publish(room, 100)
    await room.pass(9000)
    // Those of the second time have been heard of again since.
    equal((await runsOf(room, debounced.task_id)).length, 100)
    await room.pass(1000)
    const devices = async (id: string) =>
      (await runsOf(room, id)).map(({ plan }) => (plan.event!.data as { device_id: string }).device_id)
    equal((await devices(task_id)).length, 2 * many)
    equal(new Set(await devices(task_id)).size, many + 100)
    equal((await devices(debounced.task_id)).length, many + 100)
    equal(new Set(await devices(debounced.task_id)).size, many + 100)
    ok(seen.largest() <= atOnceMax, String(seen.largest()))
  })

  guarantee(
    'very many ticks that came while nobody was there have their runs in steps, each one, whatever is killed when',
    async (room) => {
      room.clock.at = Math.ceil(room.clock.at / minuteMs) * minuteMs
      const { task_id } = await room.create({
        type: 'scheduled',
        schedule: { cron: '* * * * *' },
        misfire: { policy: 'run_all', max: many, grace_seconds: 86_400 },
      })
      const from = room.clock.at
      const seen = transactions(room)
      seen.killedWith = 250
      room.clock.at += (many + 50) * minuteMs
      await room.tasks.sweep()
      ok((await runsOf(room, task_id)).length < many)
      await room.tasks.sweep()
      const runs = await runsOf(room, task_id)
      deepEqual(
        runs.map(({ scheduledFor }) => (scheduledFor! - from) / minuteMs).sort((a, b) => a - b),
        Array.from({ length: many + 50 }, (_, i) => i + 1),
      )
      equal(runs.filter(({ status }) => status === 'missed').length, 49)
      ok(seen.largest() <= atOnceMax, String(seen.largest()))
    },
  )

  guarantee('a pause in between leaves out no tick that was due by then', async (room) => {
    const { task_id } = await room.create({
      type: 'scheduled',
      schedule: { every: '1m' },
      overlap: 'queue_all',
      misfire: { policy: 'run_all', max: many },
    })
    room.clock.at += many * minuteMs
    await room.call('tasks.pause', { task_id })
    equal((await runsOf(room, task_id)).filter(({ heldFor }) => heldFor !== null).length, 61)
  })

  guarantee('a large backfill is made in steps, and the same call again makes what is left', async (room) => {
    const { task_id } = await room.create({ type: 'scheduled', schedule: { every: '1m' } })
    const end = new Date(room.clock.at).toISOString()
    const start = new Date(room.clock.at - many * minuteMs).toISOString()
    const seen = transactions(room)
    const ask = () => room.call('tasks.backfill', { task_id, start, end, max: 1000 })
    seen.killedWith = 150
    await rejects(ask(), /killed/)
    const { runs, existing, more } = await ask()
    deepEqual([runs.length, existing, more], [many - 100, 100, false])
    deepEqual(
      runs.map(({ status }) => status),
      runs.map(() => 'queued'),
    )
    const ticks = (await runsOf(room, task_id)).map(({ scheduledFor }) => scheduledFor)
    deepEqual([ticks.length, new Set(ticks).size], [many, many])
    deepEqual(await ask(), { runs: [], existing: many, more: false })
    ok(seen.largest() <= atOnceMax, String(seen.largest()))
  })

  guarantee('of backfills at once each says which runs it has made, and that the others were there', async (room) => {
    const { task_id } = await room.create({ type: 'scheduled', schedule: { every: '1m' } })
    const end = new Date(room.clock.at).toISOString()
    const start = new Date(room.clock.at - many * minuteMs).toISOString()
    const ask = () => room.call('tasks.backfill', { task_id, start, end, max: 1000 })
    const answers = await Promise.all([ask(), ask(), ask()])
    deepEqual(
      answers.map(({ runs, existing }) => runs.length + existing),
      [many, many, many],
    )
    equal(new Set(answers.flatMap(({ runs }) => runs.map(({ run_id }) => run_id))).size, many)
  })
}
