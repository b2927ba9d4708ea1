import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import type { CommandTarget } from '@nexus/contract'
import type { Failure } from '../core/failure.ts'
import { createCommandStore } from '../storage/state/index.ts'
import { keyWith, openCommandsRoom } from '../testing/commands-room.ts'
import { admin } from '../testing/telemetry-room.ts'

const minute = 60_000

test('a command ends once, however often its device says so, and the first word counts', async (t) => {
  const { submit, lease, finish, call, toldOfCommands } = await openCommandsRoom(t)
  const { command_id } = await submit()
  const [order] = await lease()
  const first = await finish(order!, { result: { n: 1 } })
  deepEqual(await finish(order!, { result: { n: 1 } }), { ...first, lease_expires_at: null })
  await rejects(finish(order!, { result: { n: 2 } }), { code: 'CONFLICT' })
  await rejects(finish(order!, { status: 'failed' }), { code: 'CONFLICT' })
  const { result } = await call('commands.get', { command_id })
  deepEqual(result, { success: true, n: 1, duration_ms: 0 })
  equal((await toldOfCommands()).filter(({ type }) => type === 'command.completed').length, 1)
})

test('what a device returns that is no object shows as data; a failure shows what it said', async (t) => {
  const { submit, lease, finish, call } = await openCommandsRoom(t)
  const one = idOf(await submit())
  await finish((await lease())[0]!, { result: [1, 2] })
  deepEqual((await call('commands.get', one)).result, { success: true, data: [1, 2], duration_ms: 0 })
  const other = idOf(await submit())
  await finish((await lease())[0]!, { status: 'failed', error: { code: 'disk_full', message: 'No room' } })
  const { status, sub_status, status_reason, error, result } = await call('commands.get', other)
  deepEqual([status, sub_status, status_reason], ['failed', 'error', 'disk_full'])
  deepEqual(error, { code: 'disk_full', message: 'No room' })
  deepEqual(result, { success: false, message: 'No room', duration_ms: 0 })
})

test('a command that no device takes in its time ends as timeout, of the delivery', async (t) => {
  const { submit, pass, call, lease } = await openCommandsRoom(t)
  const { command_id } = await submit({ delivery: { ttl_seconds: 60 } })
  const waiting = await call('commands.get', { command_id })
  deepEqual([waiting.sub_status, waiting.waiting_for], ['offline', { reason: 'device_never_seen' }])
  await pass(60_001)
  const { status, sub_status, status_reason } = await call('commands.get', { command_id })
  deepEqual([status, sub_status, status_reason], ['timeout', 'delivery', 'not_started_in_time'])
  deepEqual(await lease(), [])
})

test('a device that takes too long ends it as timeout; its late result counts for a day', async (t) => {
  const { submit, lease, pass, finish, call, clock, toldOfCommands } = await openCommandsRoom(t)
  const { command_id } = await submit({ timeout_seconds: 20 })
  const [order] = await lease()
  await pass(20_001)
  equal((await call('commands.get', { command_id })).sub_status, 'execution')
  clock.at += 23 * 60 * minute
  await finish(order!, { result: { message: 'at last' } })
  const late = await call('commands.get', { command_id })
  deepEqual([late.status, late.sub_status, late.late, late.result?.message], ['completed', null, true, 'at last'])
  const told = await toldOfCommands()
  const types = ['command.submitted', 'command.failed', 'command.timeout', 'command.completed']
  deepEqual(
    told.map(({ type }) => type),
    types,
  )
  equal(told.at(-1)!.data.late, true)

  await submit({ timeout_seconds: 20 })
  const [second] = await lease()
  await pass(20_001)
  clock.at += 25 * 60 * minute
  await rejects(finish(second!), { code: 'CONFLICT' })
})

test('given at most once, a command whose device is lost ends with an unknown outcome, until the device tells', async (t) => {
  const { submit, lease, pass, finish, call, stands } = await openCommandsRoom(t)
  const { command_id } = await submit()
  const [order] = await lease()
  await pass(30_001)
  deepEqual(await stands(command_id), ['failed/outcome_unknown'])
  deepEqual(await lease(), [])
  await finish(order!)
  const { status, late } = await call('commands.get', { command_id })
  deepEqual([status, late], ['completed', true])
})

test('given several times, a command goes again to a device that was lost, under a new lease', async (t) => {
  const { submit, lease, pass, finish, call, stands } = await openCommandsRoom(t)
  const { command_id } = await submit({ delivery: { max_attempts: 2 } })
  const [first] = await lease()
  await pass(30_001)
  const [second] = await lease()
  deepEqual([second!.execution_id, second!.attempt], [first!.execution_id, 2])
  ok(second!.lease_token !== first!.lease_token)
  await rejects(finish(first!), ({ details: { reason, execution_id, attempt } }: Failure) => {
    deepEqual([reason, execution_id, attempt], ['lease_lost', first!.execution_id, 2])
    return true
  })
  await finish(second!)
  deepEqual(await stands(command_id), ['completed'])
  equal((await call('commands.executions.list', { command_id })).executions[0]!.attempt, 2)
})

test('a device that rejects a command ends it, and says why', async (t) => {
  const { submit, lease, call } = await openCommandsRoom(t)
  const { command_id } = await submit()
  const { execution_id, lease_token } = (await lease())[0]!
  await call('executions.ack', { execution_id, lease_token, status: 'rejected', reason: 'no such service' })
  const { status, sub_status, error } = await call('commands.get', { command_id })
  deepEqual([status, sub_status, error?.message], ['failed', 'rejected', 'no such service'])
})

test('progress of a lower number is ignored, and any report renews the lease', async (t) => {
  const { submit, lease, pass, call, stands } = await openCommandsRoom(t)
  const { command_id } = await submit({ timeout_seconds: 600 })
  const { execution_id, lease_token } = (await lease())[0]!
  const held = { execution_id, lease_token }
  await call('executions.progress', { ...held, seq: 5, percent: 50 })
  await pass(20_000)
  await call('executions.progress', { ...held, seq: 4, percent: 10 })
  await pass(20_000)
  deepEqual(await stands(command_id), ['running/executing'])
  equal((await call('commands.get', { command_id })).progress?.percent, 50)
  await call('executions.logs', { ...held, lines: [{ message: 'x' }] })
  await pass(29_000)
  deepEqual(await stands(command_id), ['running/executing'])
  await pass(2000)
  deepEqual(await stands(command_id), ['failed/outcome_unknown'])
})

test('of progress that is said all the time one event a second is kept, the newest, and none after the end', async (t) => {
  const room = await openCommandsRoom(t)
  const { command_id } = await room.submit({ timeout_seconds: 600 })
  const [order] = await room.lease()
  const { execution_id, lease_token } = order!
  const say = (seq: number) => room.call('executions.progress', { execution_id, lease_token, seq, percent: seq })
  const told = async () =>
    (await room.toldOfCommands()).flatMap(({ type, data }) =>
      type === 'command.progress' ? [(data.progress as { percent: number }).percent] : [],
    )
  for (let seq = 1; seq <= 10; seq++) await say(seq)
  deepEqual(await told(), [1])
  equal((await room.call('commands.get', { command_id })).progress?.percent, 10)
  await room.pass(999)
  deepEqual(await told(), [1])
  await room.pass(1)
  deepEqual(await told(), [1, 10])
  await say(11)
  await room.pass(1000)
  deepEqual(await told(), [1, 10, 11])
  await room.pass(1000)
  await say(12)
  deepEqual(await told(), [1, 10, 11, 12])
  await say(13)
  await room.finish(order!)
  await room.pass(1000)
  deepEqual(await told(), [1, 10, 11, 12])
  const seqs = (await room.toldOfCommands()).map(({ data }) => data.seq)
  deepEqual(
    seqs,
    seqs.map((_, i) => i + 1),
  )
})

test('the same result again is answered as the first time, and another one is a conflict', async (t) => {
  const { submit, lease, finish, call } = await openCommandsRoom(t)
  const results = [{ deep: { a: 1, b: [2] } }, 'text', undefined]
  for (const result of results) {
    const { command_id } = await submit()
    const [order] = await lease()
    const first = await finish(order!, { result })
    deepEqual(await finish(order!, { result }), { ...first, lease_expires_at: null })
    for (const other of results.filter((each) => each !== result))
      await rejects(finish(order!, { result: other }), { code: 'CONFLICT', details: detailsOf(order!, 'completed') })
    await rejects(finish(order!, { status: 'failed' }), { code: 'CONFLICT' })
    ok((await call('commands.get', { command_id })).result)
  }
  await submit()
  const [order] = await lease()
  const failed = (code: string) => finish(order!, { status: 'failed', error: { code, message: 'x' } })
  equal((await failed('disk_full')).status, 'failed')
  equal((await failed('disk_full')).status, 'failed')
  await rejects(failed('no_disk'), { code: 'CONFLICT', details: detailsOf(order!, 'failed') })

  function detailsOf({ execution_id }: { execution_id: string }, status: string) {
    const issue = `the execution has ended: it is ${status}, with another result than this one, and that stays`
    return { reason: 'result_differs', execution_id, issue }
  }
})

test('what waits is cancelled at once; what runs is asked to stop, and ends unconfirmed if it does not', async (t) => {
  const { submit, lease, pass, finish, call, stands } = await openCommandsRoom(t)
  const waiting = idOf(await submit())
  equal((await call('commands.cancel', waiting)).status, 'cancelled')

  const running = idOf(await submit())
  const [order] = await lease()
  equal((await call('commands.cancel', running)).sub_status, 'cancelling')
  const { execution_id, lease_token } = order!
  const standing = await call('executions.progress', { execution_id, lease_token, seq: 1 })
  equal(standing.cancel_requested, true)
  await finish(order!, { status: 'cancelled' })
  deepEqual(await stands(running.command_id), ['cancelled'])

  const deaf = idOf(await submit())
  await lease()
  await call('commands.cancel', deaf)
  await pass(10_001)
  deepEqual(await stands(deaf.command_id), ['cancelled/unconfirmed'])
  await rejects(call('commands.cancel', deaf), (failure: Failure) => failure.details.reason === 'command_ended')
})

test('a selector makes an execution for each device of this moment, and the command sums them up', async (t) => {
  const room = await openCommandsRoom(t)
  const { submit, lease, finish, call, stands, toldOfCommands } = room
  for (const id of ['a', 'b', 'c']) room.frame(id, { tags: { service: 'api', site: id === 'c' ? 'south' : 'north' } })
  await rejects(submit({ target: { tags: { site: 'west' } } }), { code: 'NOT_FOUND' })
  const { command_id, target_count } = await submit({ target: { service: 'api', tags: { site: 'north' } } })
  equal(target_count, 2)
  room.frame('d', { tags: { service: 'api', site: 'north' } })
  await finish((await lease('a'))[0]!)
  equal((await call('commands.get', { command_id })).status, 'running')
  await finish((await lease('b'))[0]!, { status: 'failed' })
  const { status, summary, result } = await call('commands.get', { command_id })
  equal(status, 'failed')
  equal(result, undefined)
  deepEqual(summary, { pending: 0, running: 0, completed: 1, failed: 1, timeout: 0, cancelled: 0 })
  deepEqual(await stands(command_id), ['completed', 'failed/error'])
  deepEqual(
    (await toldOfCommands()).map(({ type }) => type),
    ['command.submitted', 'command.started', 'command.progress', 'command.progress', 'command.failed'],
  )
  const { target_count: left, ...retried } = await call('commands.retry', { command_id })
  equal(left, 1)
  const again = idOf(retried)
  deepEqual((await lease('a')).length, 0)
  await finish((await lease('b'))[0]!)
  equal((await call('commands.get', again)).status, 'completed')
  equal((await call('commands.get', again)).retry_of, command_id)
  await rejects(call('commands.retry', again), { code: 'CONFLICT' })
})

test('a target is named in one way; all devices are for an admin, and a bound key commands its own', async (t) => {
  const { submit, call } = await openCommandsRoom(t)
  const refused = async (target: CommandTarget) => {
    const failure = (await submit({ target }).catch((cause) => cause)) as Failure
    return [failure.code, failure.details.field]
  }
  deepEqual(await refused({}), ['INVALID_REQUEST', 'target'])
  deepEqual(await refused({ device_id: 'd', tags: { a: 'b' } }), ['INVALID_REQUEST', 'target'])
  deepEqual(await refused({ all: true, service: 's' }), ['INVALID_REQUEST', 'target'])
  const operator = keyWith(['command:execute'])
  await rejects(call('commands.execute', { command: 'x', target: { all: true } }, operator), { code: 'FORBIDDEN' })
  const bound = keyWith(['command:execute'], { deviceId: 'd' })
  await call('commands.execute', { command: 'x', target: { device_id: 'd' } }, bound)
  await rejects(call('commands.execute', { command: 'x', target: { device_id: 'e' } }, bound), { code: 'FORBIDDEN' })
})

test('a synchronous call answers when the command has ended, and is refused where the device is offline', async (t) => {
  const room = await openCommandsRoom(t)
  const { submit, lease, finish } = room
  await rejects(submit({ async: false }), (failure: Failure) => {
    match(failure.details.issue!, /"mode": "queue"/)
    return failure.details.reason === 'target_offline'
  })
  room.frame('d')
  const answer = submit({ async: false })
  let [order] = await lease()
  while (!order) [order] = await lease()
  await finish(order, { result: { message: 'done' } })
  const { status, result, completed_at } = await answer
  deepEqual([status, result?.message, typeof completed_at], ['completed', 'done', 'string'])
  const slow = await submit({ async: false, wait_seconds: 0 })
  deepEqual([slow.status, slow.completed_at], ['pending', undefined])
  await rejects(submit({ wait_seconds: 5 }), (failure: Failure) => failure.details.field === 'wait_seconds')
})

test('who submitted a command is called back at the events that it asked for', async (t) => {
  const { submit, lease, finish, called } = await openCommandsRoom(t)
  await submit({ callback_url: 'https://example.com/hook' })
  await submit({ callback_url: 'https://example.com/all', callback_events: ['command.submitted', 'command.started'] })
  for (const order of await lease()) await finish(order)
  deepEqual(
    called.map(({ url, type, keyId }) => [url, type, keyId]),
    [
      ['https://example.com/all', 'command.submitted', admin.keyId],
      ['https://example.com/hook', 'command.completed', admin.keyId],
      ['https://example.com/all', 'command.started', admin.keyId],
    ],
  )
})

test('a timeout calls back once, by the event that was asked for, and only its submitter sees where', async (t) => {
  const { submit, pass, called, call } = await openCommandsRoom(t)
  const delivery = { ttl_seconds: 1 }
  const { command_id } = await submit({ delivery, callback_url: 'https://example.com/all' })
  await submit({ delivery, callback_url: 'https://example.com/known', callback_events: ['command.failed'] })
  await pass(1001)
  deepEqual(
    called.map(({ url, type }) => [url, type]),
    [
      ['https://example.com/all', 'command.timeout'],
      ['https://example.com/known', 'command.failed'],
    ],
  )
  equal((await call('commands.get', { command_id })).callback_url, 'https://example.com/all')
  const other = keyWith(['command:execute'])
  equal((await call('commands.get', { command_id }, other)).callback_url, undefined)
})

test('a device that is back is given again what never reached it, and loses what it forgot', async (t) => {
  const { submit, lease, call, stands } = await openCommandsRoom(t)
  const forgotten = await submit()
  const kept = await submit()
  const missed = await submit({ delivery: { max_attempts: 2 } })
  const orders = await lease()
  for (const { execution_id, lease_token } of orders.slice(0, 2))
    await call('executions.ack', { execution_id, lease_token, status: 'accepted' })
  const again = await lease('d', { have: [orders[1]!.execution_id] })
  deepEqual(
    again.map(({ execution_id, attempt }) => [execution_id, attempt]),
    [[orders[2]!.execution_id, 2]],
  )
  deepEqual(await stands(forgotten.command_id), ['failed/outcome_unknown'])
  deepEqual(await stands(kept.command_id), ['pending/delivered'])
  deepEqual(await stands(missed.command_id), ['pending/sent'])
})

test('only the device itself, or an admin, does its work', async (t) => {
  const { submit, lease, call } = await openCommandsRoom(t)
  await submit()
  const plain = keyWith(['telemetry:write'])
  const other = keyWith(['telemetry:write'], { deviceId: 'e' })
  for (const principal of [plain, other])
    await rejects(call('commands.lease', { device_id: 'd' }, principal), { code: 'FORBIDDEN' })
  const [order] = await lease()
  const { execution_id, lease_token } = order!
  for (const principal of [plain, other])
    await rejects(call('executions.result', { execution_id, lease_token, status: 'completed' }, principal), {
      code: 'NOT_FOUND',
    })
  const own = keyWith(['telemetry:write'], { deviceId: 'd' })
  await call('executions.result', { execution_id, lease_token, status: 'completed' }, own)
})

test('commands are listed newest first, by state, device and category, a page at a time', async (t) => {
  const { submit, call, clock } = await openCommandsRoom(t)
  const ids: string[] = []
  for (const [i, device_id] of ['a', 'b', 'a'].entries()) {
    clock.at += 1
    ids.push((await submit({ command: i === 1 ? 'logs' : 'x', target: { device_id } })).command_id)
  }
  const listed = async (input: Parameters<typeof call<'commands.list'>>[1]) => {
    const { commands, next_cursor } = await call('commands.list', input)
    return [commands.map(({ command_id }) => ids.indexOf(command_id)), next_cursor] as const
  }
  deepEqual(await listed({}), [[2, 1, 0], null])
  deepEqual((await listed({ device_id: 'a' }))[0], [2, 0])
  deepEqual((await listed({ category: 'diagnostic' }))[0], [1])
  await call('commands.cancel', { command_id: ids[0]! })
  deepEqual((await listed({ status: 'cancelled' }))[0], [0])
  const [page, next] = await listed({ limit: 2 })
  deepEqual(page, [2, 1])
  deepEqual((await listed({ limit: 2, cursor: next! }))[0], [0])
})

test('what ended long ago is forgotten, with everything that was kept of it', async (t) => {
  const { submit, lease, finish, call, clock, state, sealer } = await openCommandsRoom(t)
  const { command_id } = await submit()
  const [order] = await lease()
  const { execution_id, lease_token } = order!
  await call('executions.logs', { execution_id, lease_token, lines: [{ message: 'x' }] })
  await finish(order!)
  const live = idOf(await submit())
  clock.at += minute
  equal(await createCommandStore(state, sealer).trim(clock.at), false)
  await rejects(call('commands.get', { command_id }), { code: 'NOT_FOUND' })
  equal((await call('commands.get', live)).status, 'pending')
  for (const table of ['work', 'executions', 'commands'] as const)
    equal((await state.reads.selectFrom(table).selectAll().execute()).length, 1)
  deepEqual(await state.reads.selectFrom('execution_log').selectAll().execute(), [])
})

function idOf({ command_id }: { command_id: string }) {
  return { command_id }
}
