import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import type { Input } from '@nexus/contract'
import { openTasksRoom, type TasksRoom } from '../testing/tasks-room.ts'

const minuteMs = 60_000
const everyMinute = { type: 'scheduled', schedule: { cron: '* * * * *' } } as const

async function atMinute(room: TasksRoom, more: Partial<Input<'tasks.create'>> = {}) {
  room.clock.at = Math.ceil(room.clock.at / minuteMs) * minuteMs
  const { task_id } = await room.create({ ...everyMinute, ...more })
  return task_id
}

test('a tick makes one run, whose time is the tick', async (t) => {
  const room = await openTasksRoom(t)
  const id = await atMinute(room, { overlap: 'allow' })
  const from = room.clock.at
  await room.pass(minuteMs - 1)
  deepEqual(await room.runs(id), [])
  await room.pass(1)
  await room.pass(minuteMs)
  await room.tasks.sweep()
  deepEqual(
    (await room.runs(id)).map(({ scheduled_for }) => Date.parse(scheduled_for!) - from),
    [minuteMs, 2 * minuteMs],
  )
})

const misfires: [policy: Input<'tasks.create'>['misfire'], stands: string[]][] = [
  [undefined, [...times(9, 'missed/misfire'), 'queued/no_worker']],
  [{ policy: 'run_once' }, [...times(9, 'missed/misfire'), 'queued/no_worker']],
  [{ policy: 'skip' }, times(10, 'missed/misfire')],
  [{ policy: 'run_all' }, ['queued/no_worker', ...times(9, 'queued/concurrency')]],
  [{ policy: 'run_all', max: 2 }, [...times(8, 'missed/misfire'), 'queued/no_worker', 'queued/concurrency']],
  [
    { policy: 'run_all', grace_seconds: 149 },
    [...times(8, 'missed/misfire'), 'queued/no_worker', 'queued/concurrency'],
  ],
]
for (const [misfire, stands] of misfires)
  test(`ten ticks that came while nobody was there: ${JSON.stringify(misfire)}`, async (t) => {
    const room = await openTasksRoom(t)
    const id = await atMinute(room, misfire ? { misfire } : {})
    await room.pass(10 * minuteMs + 30_000)
    deepEqual((await room.stands(id)).sort(), [...stands].sort())
    const after = await room.get(id)
    equal(Date.parse(after.next_run!), Math.ceil(room.clock.at / minuteMs) * minuteMs)
  })

test('a tick that is on time waits behind those that are late', async (t) => {
  const room = await openTasksRoom(t)
  const id = await atMinute(room, { misfire: { policy: 'run_all' } })
  await room.pass(3 * minuteMs + 1000)
  deepEqual((await room.stands(id)).sort(), ['queued/concurrency', 'queued/concurrency', 'queued/no_worker'])
})

test('of ticks of a second the newest is on time, and older ones are not', async (t) => {
  const room = await openTasksRoom(t)
  const { task_id } = await room.create({
    type: 'scheduled',
    schedule: { every: '1s' },
    overlap: 'allow',
    misfire: { policy: 'skip' },
  })
  await room.pass(5000)
  const stands = await room.stands(task_id)
  equal(stands.filter((one) => one === 'missed/misfire').length, 3)
  equal(stands.length, 5)
})

test('of very many missed ticks the newest are told one by one, and the rest at once', async (t) => {
  const room = await openTasksRoom(t)
  const { task_id } = await room.create({ type: 'scheduled', schedule: { every: '1s' }, misfire: { policy: 'skip' } })
  await room.pass(400 * 86_400_000)
  const missed = (await room.call('tasks.runs.list', { task_id, limit: 100, status: 'missed' })).runs
  equal(missed.length, 100)
  const all = await room.call('tasks.runs.list', {
    task_id,
    limit: 100,
    status: 'missed',
    cursor: (await room.call('tasks.runs.list', { task_id, limit: 100, status: 'missed' })).next_cursor!,
  })
  deepEqual(
    all.runs.map(({ status_reason }) => status_reason),
    ['misfire_and_all_before'],
  )
})

const overlaps: [overlap: Input<'tasks.create'>['overlap'], stands: string[]][] = [
  [undefined, ['running/executing', 'skipped/overlap', 'skipped/overlap']],
  ['skip', ['running/executing', 'skipped/overlap', 'skipped/overlap']],
  ['queue_one', ['running/executing', 'queued/concurrency', 'skipped/overlap']],
  ['queue_all', ['running/executing', 'queued/concurrency', 'queued/concurrency']],
  ['cancel_running', ['running/cancelling', 'cancelled/replaced', 'queued/concurrency']],
  ['allow', ['running/executing', 'queued', 'queued']],
]
for (const [overlap, stands] of overlaps)
  test(`ticks during a run: ${overlap ?? 'unless told'}`, async (t) => {
    const room = await openTasksRoom(t)
    const id = await atMinute(room, { timeout_seconds: 3600, ...(overlap && { overlap }) })
    await room.pass(minuteMs)
    const [order] = await room.lease()
    const beat = { worker_id: 'w', runs: [{ run_id: order!.run_id, lease_token: order!.lease_token }] }
    for (let i = 0; i < 2; i++) {
      room.clock.at += 29_000
      await room.call('workers.heartbeat', beat)
      room.clock.at += 29_000
      await room.call('workers.heartbeat', beat)
      await room.tasks.sweep()
      room.clock.at += 2000
      await room.tasks.sweep()
    }
    deepEqual(await room.stands(id), stands)
    // A run by hand stands beside them.
    const byHand = await room.execute(id)
    equal((await room.run(byHand)).waiting_for!.reason, 'workers_busy')
  })

test('runs that wait for the one before them begin in turn, each once that has ended', async (t) => {
  const room = await openTasksRoom(t)
  const id = await atMinute(room, { overlap: 'queue_all' })
  for (let i = 0; i < 3; i++) await room.pass(minuteMs)
  for (let left = 3; left > 0; left--) {
    const orders = await room.lease()
    equal(orders.length, 1)
    await room.complete(orders[0]!)
  }
  deepEqual(await room.stands(id), times(3, 'completed'))
})

test('a task ends with its last run or its last tick', async (t) => {
  const room = await openTasksRoom(t)
  const thrice = await atMinute(room, { max_runs: 2, overlap: 'allow' })
  const end_at = new Date(room.clock.at + 90_000).toISOString()
  const bounded = await room.create({ type: 'scheduled', schedule: { cron: '* * * * *', end_at }, name: 'y' })
  for (let i = 0; i < 4; i++) await room.pass(minuteMs)
  equal((await room.runs(thrice)).length, 2)
  equal((await room.runs(bounded.task_id)).length, 1)
  for (const order of await room.lease({ names: ['x', 'y'] })) await room.complete(order)
  const ended = await room.get(thrice)
  deepEqual([ended.status, ended.status_reason, ended.next_run], ['completed', 'max_runs', null])
  equal((await room.get(bounded.task_id)).status_reason, 'schedule_over')
})

test('what is asked for by hand, or filled in, takes nothing of how often a task runs by itself', async (t) => {
  const room = await openTasksRoom(t)
  const id = await atMinute(room, { max_runs: 2, overlap: 'allow', misfire: { policy: 'skip' } })
  const start = new Date(room.clock.at + 1).toISOString()
  for (let n = 0; n < 3; n++) await room.execute(id)
  await room.pass(minuteMs)
  await room.pass(minuteMs + 30_000)
  const end = new Date(room.clock.at).toISOString()
  equal((await room.call('tasks.backfill', { task_id: id, start, end })).runs.length, 1)
  equal((await room.get(id)).status, 'scheduled')
  await room.pass(30_000)
  const causes = (await room.runs(id)).map(({ cause, status }) => `${cause} ${status}`)
  deepEqual(
    causes.toSorted(),
    [...times(3, 'manual queued'), 'backfill queued', ...times(2, 'schedule queued'), 'schedule missed'].toSorted(),
  )
  deepEqual([(await room.get(id)).status_reason, (await room.get(id)).next_run], ['max_runs', null])
})

test('jitter delays a run by the same time for the same tick, at most by what was said', async (t) => {
  const room = await openTasksRoom(t)
  const id = await atMinute(room, { schedule: { cron: '* * * * *', jitter_seconds: 30 } })
  await room.pass(minuteMs)
  const [run] = await room.runs(id)
  const delay = Date.parse(run!.next_attempt_at!) - Date.parse(run!.scheduled_for!)
  equal(delay > 0 && delay <= 30_000, true)
  equal((await room.lease()).length, 0)
  await room.pass(delay)
  equal((await room.lease()).length, 1)
})

test('a task that is paused makes no run, and goes on with the next tick', async (t) => {
  const room = await openTasksRoom(t)
  const id = await atMinute(room)
  await room.pass(minuteMs)
  const paused = await room.call('tasks.pause', { task_id: id })
  deepEqual([paused.status, paused.next_run], ['paused', null])
  deepEqual(await room.stands(id), ['queued/paused'])
  equal((await room.lease()).length, 0)
  await room.pass(10 * minuteMs)
  const resumed = await room.call('tasks.resume', { task_id: id })
  equal(resumed.status, 'scheduled')
  deepEqual(await room.stands(id), ['queued/no_worker'])
  equal(Date.parse(resumed.next_run!) - room.clock.at, minuteMs)
})

test('so many failures in a row pause it', async (t) => {
  const room = await openTasksRoom(t)
  const id = await atMinute(room, { pause_after_failures: 2, retry_policy: { max_retries: 0 } })
  for (let i = 0; i < 2; i++) {
    await room.pass(minuteMs)
    const [order] = await room.lease()
    await room.fail(order!)
  }
  const task = await room.get(id)
  deepEqual([task.status, task.status_reason], ['paused', 'failures_in_row'])
  await room.pass(5 * minuteMs)
  equal((await room.runs(id)).length, 2)
})

test('a backfill runs past ticks that have no run, one after another, each once', async (t) => {
  const room = await openTasksRoom(t)
  const id = await atMinute(room, { misfire: { policy: 'skip' } })
  const start = new Date(room.clock.at).toISOString()
  await room.pass(5 * minuteMs + 30_000)
  const end = new Date(room.clock.at).toISOString()
  const made = await room.call('tasks.backfill', { task_id: id, start, end, max: 4 })
  deepEqual([made.runs.length, made.existing, made.more], [4, 0, true])
  const again = await room.call('tasks.backfill', { task_id: id, start, end })
  deepEqual([again.runs.length, again.existing], [2, 4])
  equal((await room.lease()).length, 1)
})

test('the preview tells the next ticks in the zone of the schedule', async (t) => {
  const room = await openTasksRoom(t)
  room.clock.at = Date.parse('2026-03-06T12:00:00Z')
  const schedule = { cron: '30 2 * * *', timezone: 'America/New_York' }
  const { task_id } = await room.create({ type: 'scheduled', schedule })
  const { ticks, timezone } = await room.call('tasks.schedule', { task_id, count: 3 })
  equal(timezone, 'America/New_York')
  deepEqual(ticks, ['2026-03-07T07:30:00.000Z', '2026-03-08T07:00:00.000Z', '2026-03-09T06:30:00.000Z'])
})

test('that nobody takes a run is told once, after a minute', async (t) => {
  const room = await openTasksRoom(t)
  await room.create()
  await room.pass(59_999)
  const stalled = async () => (await room.toldOfTasks()).filter(({ type }) => type === 'task.stalled').length
  equal(await stalled(), 0)
  await room.pass(1)
  await room.pass(minuteMs)
  equal(await stalled(), 1)
})

function times(count: number, stands: string): string[] {
  return Array.from({ length: count }, () => stands)
}
