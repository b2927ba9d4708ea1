import { deepEqual, equal, match, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import type { ExecutionOrder, Input } from '@nexus/contract'
import { enginesUnderTest } from '../storage/state/testing/engines-under-test.ts'
import { openCommandsRoom } from '../testing/commands-room.ts'
import { emitFrame } from '../testing/events-room.ts'
import { testClock } from '../testing/telemetry-room.ts'

type Result = (ctx: object, input: Input<'executions.result'>) => Promise<unknown>

const verify: Input<'commands.execute'>['verify'] = { metric: 'up == 1', within_seconds: 60 }

test('after its success an execution is verified, and completes when the condition holds', async (t) => {
  const { submit, lease, finish, call, measure, stands, toldOfCommands } = await openCommandsRoom(t)
  const { command_id } = await submit({ verify })
  await measure('d', { up: 1 })
  const [order] = await lease()
  const first = await finish(order!, { result: { message: 'done' } })
  deepEqual([first.status, first.lease_expires_at], ['running', null])
  deepEqual(await finish(order!, { result: { message: 'done' } }), first)
  await rejects(finish(order!, { status: 'failed' }), { code: 'CONFLICT' })
  equal((await call('commands.get', { command_id })).sub_status, 'verifying')
  await measure('d', { up: 0 })
  await measure('d', { other: 1 })
  await measure('e', { up: 1 })
  deepEqual(await stands(command_id), ['running/verifying'])
  await measure('d', { up: 1 })
  const { status, sub_status, result } = await call('commands.get', { command_id })
  deepEqual([status, sub_status, result?.message], ['completed', null, 'done'])
  deepEqual(
    (await toldOfCommands()).map(({ type }) => type),
    ['command.submitted', 'command.started', 'command.completed'],
  )
  equal((await finish(order!, { result: { message: 'done' } })).status, 'completed')
})

test('what a device measures while its success is being committed counts, and what rolls back is not looked for', async (t) => {
  const room = await openCommandsRoom(t)
  const { command_id } = await room.submit({ verify })
  const [{ execution_id, lease_token } = {} as ExecutionOrder] = await room.lease()
  const { run } = room.commands.handlers['executions.result'] as unknown as { run: Result }
  const succeed = (then: () => void) =>
    room.state.write(async (tx) => {
      await run({ ...room.ctx, tx }, { execution_id, lease_token, status: 'completed' })
      emitFrame(room.events, 'd', 0, { up: 1 })
      then()
    })
  const broken = new Error('broken')
  await rejects(
    succeed(() => {
      throw broken
    }),
    broken,
  )
  await room.commands.sweep()
  deepEqual(await room.stands(command_id), ['pending/sent'])
  await succeed(() => {})
  await room.commands.sweep()
  deepEqual(await room.stands(command_id), ['completed'])
})

test('a condition that does not hold in time fails the execution, which keeps what the device said', async (t) => {
  const { submit, lease, finish, call, measure, pass, stands, toldOfCommands } = await openCommandsRoom(t)
  const { command_id } = await submit({ verify })
  const [order] = await lease()
  await finish(order!, { result: { message: 'done' } })
  await measure('d', { up: 0 })
  await pass(59_999)
  deepEqual(await stands(command_id), ['running/verifying'])
  await pass(1)
  const { status, sub_status, status_reason, result, error } = await call('commands.get', { command_id })
  deepEqual([status, sub_status, status_reason], ['failed', 'verify_failed', 'verify_failed'])
  deepEqual([result?.success, result?.message], [true, 'done'])
  equal(error?.message, 'up == 1 did not hold within 60 s: the last reading was 0')
  equal((await toldOfCommands()).at(-1)!.type, 'command.failed')
  equal((await finish(order!, { result: { message: 'done' } })).status, 'failed')
  await measure('d', { up: 1 })
  deepEqual(await stands(command_id), ['failed/verify_failed'])
})

test('a reading from before the success shows nothing, although the clock of its device is ahead', async (t) => {
  const { submit, lease, finish, measure, commands, pass, stands, clock } = await openCommandsRoom(t)
  await measure('d', { up: 1 }, clock.at + 600_000)
  const { command_id } = await submit({ verify })
  await finish((await lease())[0]!)
  await commands.sweep()
  await pass(59_999)
  deepEqual(await stands(command_id), ['running/verifying'])
  await pass(1)
  deepEqual(await stands(command_id), ['failed/verify_failed'])
})

test('a frame that arrives after the success shows it, although the clock of its device is behind', async (t) => {
  const { submit, lease, finish, measure, stands, clock } = await openCommandsRoom(t)
  const { command_id } = await submit({ verify })
  await finish((await lease())[0]!)
  await measure('d', { up: 1 }, clock.at - 600_000)
  deepEqual(await stands(command_id), ['completed'])
})

test('without a reading it fails, and says so; a failure of the device is not verified', async (t) => {
  const { submit, lease, finish, call, pass, stands } = await openCommandsRoom(t)
  const { command_id } = await submit({ verify })
  await finish((await lease())[0]!)
  await pass(60_000)
  match((await call('commands.get', { command_id })).error!.message, /there was no reading$/)
  const failed = await submit({ verify })
  await finish((await lease())[0]!, { status: 'failed' })
  deepEqual(await stands(failed.command_id), ['failed/error'])
})

test('a condition must hold for as long as it says', async (t) => {
  const { submit, lease, finish, measure, pass, stands } = await openCommandsRoom(t)
  const { command_id } = await submit({ verify: { metric: 'up == 1 for 20s' } })
  await finish((await lease())[0]!)
  for (const [up, ms] of [
    [1, 10_000],
    [0, 1000],
    [1, 19_999],
  ] as const) {
    await measure('d', { up })
    await pass(ms)
  }
  await measure('d', { up: 1 })
  deepEqual(await stands(command_id), ['running/verifying'])
  await pass(1)
  await measure('d', { up: 1 })
  deepEqual(await stands(command_id), ['completed'])
})

test('what waits behind an execution is given while that is verified', async (t) => {
  const { submit, lease, finish, stands } = await openCommandsRoom(t)
  const one = await submit({ command: 'reload', verify })
  const other = await submit({ command: 'reload' })
  const [order] = await lease()
  deepEqual(await lease(), [])
  await finish(order!)
  deepEqual(await stands(one.command_id), ['running/verifying'])
  await finish((await lease())[0]!)
  deepEqual(await stands(other.command_id), ['completed'])
})

test('a cancel ends what is being verified; a device that succeeds although asked to stop is not verified', async (t) => {
  const { submit, lease, finish, call, measure, stands } = await openCommandsRoom(t)
  const one = await submit({ verify })
  const [order] = await lease()
  await finish(order!, { result: { message: 'done' } })
  const { status, result } = await call('commands.cancel', { command_id: one.command_id })
  deepEqual([status, result?.message], ['cancelled', 'done'])
  await measure('d', { up: 1 })
  deepEqual(await stands(one.command_id), ['cancelled'])
  equal((await finish(order!, { result: { message: 'done' } })).status, 'cancelled')

  const other = await submit({ verify })
  const [second] = await lease()
  await call('commands.cancel', { command_id: other.command_id })
  await finish(second!)
  deepEqual(await stands(other.command_id), ['cancelled'])
})

test('the canary has completed once it is verified, and aborts the roll-out where it is not', async (t) => {
  const { submit, lease, finish, measure, pass, stands, call } = await openCommandsRoom(t)
  const input = { verify, rollout: { canary: 1 }, target: { device_ids: ['a', 'b'] } }
  const good = await submit(input)
  await finish((await lease('a'))[0]!)
  deepEqual(await lease('b'), [])
  await measure('a', { up: 1 })
  await finish((await lease('b'))[0]!)
  deepEqual(await stands(good.command_id), ['completed', 'running/verifying'])
  await measure('b', { up: 1 })
  equal((await call('commands.get', { command_id: good.command_id })).status, 'completed')

  const bad = await submit(input)
  await finish((await lease('a'))[0]!)
  await pass(60_000)
  deepEqual(await stands(bad.command_id), ['failed/verify_failed', 'cancelled/aborted'])
})

for (const { name, skip, fresh } of await enginesUnderTest()) {
  test(`${name}: over a restart verification goes on, also by what came meanwhile`, {
    skip: skip ?? false,
  }, async (t) => {
    const place = await fresh(t)
    const clock = testClock()
    const first = await openCommandsRoom(t, { ...place, clock })
    const commands: string[] = []
    for (const device_id of ['before', 'meanwhile', 'after', 'never']) {
      commands.push((await first.submit({ target: { device_id }, verify })).command_id)
      await first.finish((await first.lease(device_id))[0]!)
    }
    await first.commands.stop()
    const second = await openCommandsRoom(t, { ...place, clock })
    second.remember('before', 'up', 1, clock.at - 1)
    second.remember('meanwhile', 'up', 1, clock.at + 1)
    const standing = async () => {
      const all = await Promise.all(commands.map((command_id) => second.stands(command_id)))
      return all.flat()
    }
    await second.pass(30_000)
    deepEqual(await standing(), ['running/verifying', 'completed', 'running/verifying', 'running/verifying'])
    await second.measure('after', { up: 1 })
    await second.pass(30_000)
    deepEqual(await standing(), ['failed/verify_failed', 'completed', 'completed', 'failed/verify_failed'])
  })

  test(`${name}: a verification, a cancel and a deadline at once end an execution once`, {
    skip: skip ?? false,
  }, async (t) => {
    const place = await fresh(t)
    const clock = testClock()
    const one = await openCommandsRoom(t, { ...place, clock })
    // SQLite has but one process.
    const other = name === 'SQLite' ? one : await openCommandsRoom(t, { ...place, clock })
    for (let i = 0; i < 5; i++) {
      const { command_id } = await one.submit({ verify })
      await one.finish((await one.lease())[0]!)
      await other.commands.sweep()
      clock.at += 60_000
      await Promise.allSettled([
        one.measure('d', { up: 1 }),
        other.commands.sweep(),
        other.call('commands.cancel', { command_id }),
      ])
      const events = await one.state.reads.selectFrom('events').selectAll().where('subject', '=', command_id).execute()
      const ends = events.filter(({ type }) => /completed|failed|cancelled/.test(type))
      equal(ends.length, 1, JSON.stringify(ends.map(({ type }) => type)))
      equal(`command.${(await one.call('commands.get', { command_id })).status}`, ends[0]!.type)
    }
  })
}
