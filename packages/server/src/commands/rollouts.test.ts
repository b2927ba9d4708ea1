import { deepEqual, equal, match, rejects } from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { CommandRollout, Input } from '@nexus/contract'
import type { Failure } from '../core/failure.ts'
import type { StateOptions } from '../storage/state/index.ts'
import { enginesUnderTest } from '../storage/state/testing/engines-under-test.ts'
import { type CommandsRoom, keyWith, openCommandsRoom } from '../testing/commands-room.ts'
import { testClock } from '../testing/telemetry-room.ts'

const minute = 60_000

/** A roll-out to the devices d0, d1 and so on. */
async function openRollout(
  t: TestContext,
  rollout: CommandRollout,
  { devices = 5, ...more }: Partial<Input<'commands.execute'>> & { devices?: number } = {},
) {
  const room = await openCommandsRoom(t)
  const ids = Array.from({ length: devices }, (_, i) => `d${i}`)
  const { command_id } = await room.submit({ target: { device_ids: ids }, rollout, ...more })
  return { room, ids, command_id, ...actsOn(room, command_id) }
}

function actsOn(room: CommandsRoom, command_id: string) {
  return {
    get: () => room.call('commands.get', { command_id }),
    /** Which of them are given it now. */
    async take(ids: readonly string[]): Promise<string[]> {
      const given: string[] = []
      for (const id of ids) if ((await room.lease(id)).length > 0) given.push(id)
      return given
    },
    /** A device takes it, and ends it. */
    async end(device: string, status: 'completed' | 'failed' = 'completed') {
      await room.finish((await room.lease(device))[0]!, { status })
    },
  }
}

test('no more devices have a command than may at once; each that ends makes room for the next', async (t) => {
  const { room, ids, command_id, get, take, end } = await openRollout(t, { max_concurrency: 2 })
  deepEqual((await get()).sub_status, 'rollout')
  deepEqual((await get()).rollout_state, { phase: 'spreading', released: 2, next_at: null })
  await end('d1')
  await end('d0', 'failed')
  deepEqual(await room.stands(command_id), [
    'failed/error',
    'completed',
    'pending/offline',
    'pending/offline',
    'pending/rollout',
  ])
  const waiting = (await room.call('commands.executions.list', { command_id })).executions[4]!
  deepEqual(waiting.waiting_for, { reason: 'rollout' })
  deepEqual(await take(ids), ['d2', 'd3'])
  deepEqual(await take(ids), [])
})

test('a command that is rolled out ends once, as its executions did', async (t) => {
  const { room, ids, get, end } = await openRollout(t, { max_concurrency: 1 }, { devices: 3 })
  for (const id of ids) await end(id)
  const { status, sub_status, rollout_state } = await get()
  deepEqual([status, sub_status], ['completed', null])
  deepEqual(rollout_state, { phase: 'done', released: 3, next_at: null })
  const ends = (await room.toldOfCommands()).filter(({ type }) => type === 'command.completed')
  equal(ends.length, 1)
})

test('the canary goes first and alone; the others follow when all of it has completed', async (t) => {
  const { ids, get, take, end } = await openRollout(t, { canary: 2 })
  equal((await get()).rollout_state?.phase, 'canary')
  await end('d0')
  deepEqual(await take(['d2', 'd3', 'd4']), [])
  await end('d1')
  deepEqual(await take(ids), ['d2', 'd3', 'd4'])
  equal((await get()).rollout_state?.phase, 'done')
})

test('a canary that fails aborts: what no device has ends, what is under way goes on, and the command fails', async (t) => {
  const { room, command_id, get, end } = await openRollout(t, { canary: 2 })
  const [order] = await room.lease('d0')
  await end('d1', 'failed')
  deepEqual(await room.stands(command_id), ['pending/sent', 'failed/error', ...Array(3).fill('cancelled/aborted')])
  const under = await get()
  deepEqual([under.status, under.sub_status, under.status_reason], ['running', 'aborted', null])
  await room.finish(order!)
  const { status, sub_status, status_reason, rollout_state, summary } = await get()
  deepEqual([status, sub_status, status_reason], ['failed', 'aborted', 'rollout_aborted'])
  equal(rollout_state?.abort?.reason, 'canary_failed')
  deepEqual([summary.completed, summary.failed, summary.cancelled], [1, 1, 3])
  const { executions } = await room.call('commands.executions.list', { command_id })
  equal(executions[4]!.status_reason, 'rollout_aborted')
  const told = await room.toldOfCommands()
  const ends = told.filter(({ type }) => /completed|failed|cancelled|timeout/.test(type))
  deepEqual(
    ends.map(({ type, data }) => [type, data.status_reason, (data.abort as { reason: string }).reason]),
    [['command.failed', 'rollout_aborted', 'canary_failed']],
  )
})

test('a canary that nobody takes in its time aborts', async (t) => {
  const { room, get } = await openRollout(t, { canary: 1 }, { delivery: { ttl_seconds: 60 } })
  await room.pass(minute + 1)
  const { status, status_reason } = await get()
  deepEqual([status, status_reason], ['failed', 'rollout_aborted'])
})

test('too many failures of those that ended abort, once so many have', async (t) => {
  const abort = { failed_percent: 50, min_executed: 3 }
  const { get, end } = await openRollout(t, { max_concurrency: 3, abort }, { devices: 8 })
  await end('d0', 'failed')
  await end('d1', 'failed')
  equal((await get()).rollout_state?.phase, 'spreading')
  await end('d2')
  const { status, rollout_state } = await get()
  deepEqual(
    [status, rollout_state?.abort],
    ['failed', { reason: 'failed_percent', issue: '2 of 3 failed: at least 50 percent' }],
  )
})

test('a device that is lost under an aborted roll-out is not given the command again', async (t) => {
  const { submit, lease, finish, pass, call, stands } = await openCommandsRoom(t)
  const { command_id } = await submit({
    target: { device_ids: ['a', 'b'] },
    delivery: { max_attempts: 3 },
    rollout: { abort: { failed_percent: 1 } },
  })
  const [[a], [b]] = [await lease('a'), await lease('b')]
  equal(b!.attempt, 1)
  await finish(a!, { status: 'failed' })
  await pass(30_001)
  deepEqual(await lease('b'), [])
  const { status, status_reason, summary } = await call('commands.get', { command_id })
  deepEqual([status, status_reason, summary.cancelled], ['failed', 'rollout_aborted', 1])
  deepEqual(await stands(command_id), ['failed/error', 'cancelled/unconfirmed'])
})

test('devices are given it at the rate, each at its instant, whatever was missed', async (t) => {
  const { room, ids, get, take } = await openRollout(t, { rate_per_minute: 6 })
  deepEqual(await take(ids), ['d0'])
  equal((await get()).rollout_state?.next_at, '2026-05-01T12:00:10.000Z')
  await room.pass(9999)
  deepEqual(await take(ids), [])
  await room.pass(1)
  deepEqual(await take(ids), ['d1'])
  await room.pass(5 * minute)
  deepEqual(await take(ids), ['d2'])
  await room.pass(10_000)
  deepEqual(await take(ids), ['d3'])
})

test('the time to be delivered counts from the release', async (t) => {
  const { room, command_id, end } = await openRollout(
    t,
    { max_concurrency: 1 },
    { devices: 3, delivery: { ttl_seconds: 60 }, timeout_seconds: 3600 },
  )
  const [order] = await room.lease('d0')
  for (let i = 0; i < 10; i++) {
    await room.pass(25_000)
    const { execution_id, lease_token } = order!
    await room.call('executions.progress', { execution_id, lease_token, seq: i })
  }
  await room.finish(order!)
  await room.pass(59_000)
  deepEqual((await room.stands(command_id)).slice(1), ['pending/offline', 'pending/rollout'])
  await room.pass(1000)
  deepEqual((await room.stands(command_id)).slice(1), ['timeout/delivery', 'pending/offline'])
  await end('d2')
})

test('a roll-out is paused and resumed, and says what it cannot', async (t) => {
  const { room, ids, command_id, get, take, end } = await openRollout(t, { max_concurrency: 1 })
  const refused = async (operation: 'commands.pause' | 'commands.resume', id = command_id) =>
    ((await room.call(operation, { command_id: id }).catch((failure) => failure)) as Failure).details.reason
  equal(await refused('commands.resume'), 'not_paused')
  const paused = await room.call('commands.pause', { command_id })
  deepEqual([paused.sub_status, paused.waiting_for], ['paused', { reason: 'paused' }])
  equal(await refused('commands.pause'), 'already_paused')
  await end('d0')
  deepEqual(await take(ids), [])
  deepEqual((await room.stands(command_id)).slice(0, 2), ['completed', 'pending/paused'])
  const resumed = await room.call('commands.resume', { command_id })
  deepEqual([resumed.sub_status, resumed.rollout_state?.released], ['rollout', 2])
  deepEqual(await take(ids), ['d1'])

  equal(await refused('commands.pause', (await room.submit()).command_id), 'not_a_rollout')
  await room.call('commands.cancel', { command_id })
  equal(await refused('commands.pause'), 'cancel_requested')
  await room.pass(10_001)
  equal((await get()).status, 'cancelled')
  equal(await refused('commands.resume'), 'command_ended')
})

test('a cancel ends a roll-out: nobody else is given the command', async (t) => {
  const { room, ids, command_id, get, take } = await openRollout(t, { max_concurrency: 2, rate_per_minute: 60 })
  const [order] = await room.lease('d0')
  await room.call('commands.cancel', { command_id })
  deepEqual(await room.stands(command_id), ['running/cancelling', ...Array(4).fill('cancelled')])
  await room.finish(order!, { status: 'cancelled' })
  const { status, sub_status, rollout_state } = await get()
  deepEqual([status, sub_status, rollout_state?.phase], ['cancelled', null, 'cancelled'])
  await room.pass(minute)
  deepEqual(await take(ids), [])
})

test('a roll-out that needs approval begins with it', async (t) => {
  const { room, ids, command_id, get, take, end } = await openRollout(
    t,
    { canary: 1 },
    { command: 'restart', devices: 3, delivery: { ttl_seconds: 60 } },
  )
  const { sub_status, rollout_state } = await get()
  deepEqual([sub_status, rollout_state?.phase, rollout_state?.released], ['awaiting_approval', 'waiting', 0])
  await room.pass(59_000)
  const approved = await room.call('commands.approve', { command_id }, keyWith(['admin'], { keyId: 'other' }))
  deepEqual([approved.sub_status, approved.rollout_state?.phase], ['rollout', 'canary'])
  await room.pass(59_000)
  deepEqual(await take(ids.slice(1)), [])
  await end('d0')
  await room.pass(59_000)
  deepEqual(await take(ids), ['d1', 'd2'])
})

test('a consent that nobody gives in time ends the command as timeout, which does not wait for it any more', async (t) => {
  const { room, get } = await openRollout(t, { canary: 1 }, { command: 'restart', devices: 3 })
  await room.pass(5 * minute + 1)
  const { status, sub_status, waiting_for } = await get()
  deepEqual([status, sub_status, waiting_for], ['timeout', null, null])
})

test('a metric aborts, on a device that was given the command and no other', async (t) => {
  const rollout = { max_concurrency: 2, abort: { metric: 'cpu_usage>90 for 2m' } }
  const { room, command_id, get, end } = await openRollout(t, rollout)
  for (let i = 0; i < 4; i++) {
    await room.measure('d1', { cpu_usage: 99 })
    await room.pass(minute)
  }
  await end('d0')
  await room.measure('d0', { cpu_usage: 95 })
  await room.pass(minute)
  await room.measure('d0', { cpu_usage: 50 })
  await room.measure('d0', { cpu_usage: 95 })
  await room.pass(2 * minute - 1)
  await room.measure('d0', { cpu_usage: 95 })
  equal((await get()).rollout_state?.abort, undefined)
  await room.pass(1)
  await room.measure('d0', { cpu_usage: 91 })
  const { status, status_reason, rollout_state } = await get()
  deepEqual([status, status_reason], ['failed', 'rollout_aborted'])
  deepEqual(rollout_state?.abort, {
    reason: 'metric',
    issue: 'cpu_usage>90 for 2m holds on d0: the reading is 91',
    device_id: 'd0',
  })
  deepEqual(await room.stands(command_id), ['completed', ...Array(4).fill('cancelled/aborted')])
})

test('conditions and bounds that make no sense are refused with their place', async (t) => {
  const { submit } = await openCommandsRoom(t)
  const refused = async (input: Partial<Input<'commands.execute'>>) => {
    const { code, details } = (await submit(input).catch((failure) => failure)) as Failure
    return [code, details.field, details.position]
  }
  deepEqual(await refused({ rollout: { abort: { metric: 'cpu_usage' } } }), [
    'VALIDATION_ERROR',
    'rollout.abort.metric',
    10,
  ])
  deepEqual(await refused({ verify: { metric: 'up = 1' } }), ['VALIDATION_ERROR', 'verify.metric', 4])
  deepEqual((await refused({ verify: { metric: 'up == 1 for 1m' } })).slice(0, 2), [
    'VALIDATION_ERROR',
    'verify.within_seconds',
  ])
  deepEqual((await refused({ rollout: { abort: { min_executed: 3 } } })).slice(0, 2), [
    'VALIDATION_ERROR',
    'rollout.abort.min_executed',
  ])
})

for (const { name, skip, fresh } of await enginesUnderTest()) {
  test(`${name}: over a restart a roll-out goes on where it stood, and its metric still aborts it`, {
    skip: skip ?? false,
  }, async (t) => {
    const place = await fresh(t)
    const clock = testClock()
    const first = await openCommandsRoom(t, { ...place, clock })
    const rollout = { rate_per_minute: 6, abort: { metric: 'up == 0' } }
    const target = { device_ids: ['d0', 'd1', 'd2'] }
    const { command_id } = await first.submit({ target, rollout })
    equal((await first.lease('d0')).length, 1)
    await first.commands.stop()

    const second = await openCommandsRoom(t, { ...place, clock })
    await second.pass(9999)
    deepEqual(await second.lease('d1'), [])
    await second.pass(1)
    equal((await second.lease('d1')).length, 1)
    await second.measure('d0', { up: 0 })
    const { rollout_state } = await second.call('commands.get', { command_id })
    match(rollout_state!.abort!.issue, /up == 0 holds on d0/)
  })

  test(`${name}: nodes on one state release no device twice, and never too many, however their devices end`, {
    skip: skip ?? false,
  }, async (t) => {
    const nodes = await openNodes(t, name, await fresh(t))
    const ids = Array.from({ length: 24 }, (_, i) => `d${i}`)
    const { command_id } = await nodes[0]!.submit({ target: { device_ids: ids }, rollout: { max_concurrency: 6 } })
    const ended = new Set<string>()
    while (ended.size < ids.length) {
      const orders = await Promise.all(
        ids.filter((id) => !ended.has(id)).map(async (id, i) => ({ id, order: (await nodes[i % 2]!.lease(id))[0] })),
      )
      const given = orders.filter(({ order }) => order)
      equal(given.length, Math.min(6, ids.length - ended.size))
      await Promise.all(given.map(({ order }, i) => nodes[i % 2]!.finish(order!)))
      for (const { id } of given) ended.add(id)
      await Promise.all(nodes.map((node) => node.commands.sweep()))
    }
    const { status, rollout_state } = await nodes[1]!.call('commands.get', { command_id })
    deepEqual([status, rollout_state?.released], ['completed', ids.length])
  })

  test(`${name}: an abort and devices that take the command at once: who has it may end it, the others never had it`, {
    skip: skip ?? false,
  }, async (t) => {
    const nodes = await openNodes(t, name, await fresh(t))
    const ids = Array.from({ length: 12 }, (_, i) => `d${i}`)
    const rollout = { abort: { failed_percent: 1 } }
    const { command_id } = await nodes[0]!.submit({ target: { device_ids: ids }, rollout })
    const [first] = await nodes[0]!.lease('d0')
    const [taken] = await Promise.all([
      Promise.all(ids.slice(1).map((id, i) => nodes[i % 2]!.lease(id))),
      nodes[1]!.finish(first!, { status: 'failed' }),
    ])
    for (const orders of taken) for (const order of orders) await nodes[0]!.finish(order)
    const expected = taken.map((orders) => (orders.length > 0 ? 'completed' : 'cancelled/aborted'))
    deepEqual(await nodes[0]!.stands(command_id), ['failed/error', ...expected])
    const { status, status_reason } = await nodes[0]!.call('commands.get', { command_id })
    equal(status, 'failed')
    if (expected.includes('cancelled/aborted')) equal(status_reason, 'rollout_aborted')
  })

  test(`${name}: of nodes that are woken at the same instant one releases`, { skip: skip ?? false }, async (t) => {
    const nodes = await openNodes(t, name, await fresh(t))
    const target = { device_ids: ['d0', 'd1', 'd2', 'd3'] }
    const { command_id } = await nodes[0]!.submit({ target, rollout: { rate_per_minute: 60 } })
    nodes[0]!.clock.at += 1000
    await Promise.all([...nodes, ...nodes].map((node) => node.commands.sweep()))
    equal((await nodes[1]!.call('commands.get', { command_id })).rollout_state?.released, 2)
    await rejects(nodes[1]!.call('commands.resume', { command_id }), { code: 'CONFLICT' })
  })
}

/** Rooms over one state, with one clock; SQLite has but one process. */
async function openNodes(t: TestContext, name: string, place: StateOptions): Promise<CommandsRoom[]> {
  const clock = testClock()
  const one = await openCommandsRoom(t, { ...place, clock })
  return [one, name === 'SQLite' ? one : await openCommandsRoom(t, { ...place, clock })]
}
