import { deepEqual, equal, notEqual, ok, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import type { ExecutionOrder } from '@nexus/contract'
import type { Failure } from '../core/failure.ts'
import { createCommandStore } from '../storage/state/index.ts'
import { enginesUnderTest } from '../storage/state/testing/engines-under-test.ts'
import { type CommandsRoom, openCommandsRoom } from '../testing/commands-room.ts'
import { startTestNexus } from '../testing/nexus.ts'
import { until } from '../testing/until.ts'
import { resync } from './resync.ts'

test('what a device has of an attempt before is given again until it has confirmed the present one', async (t) => {
  const { submit, lease, call, stands } = await openCommandsRoom(t)
  const { command_id } = await submit({ delivery: { max_attempts: 3 } })
  const [first] = await lease()
  const { execution_id } = first!
  await call('executions.ack', { execution_id, lease_token: first!.lease_token, status: 'accepted' })
  await lease('d', { have: [] })
  const [second] = await lease('d', { have: [execution_id] })
  deepEqual([second!.execution_id, second!.attempt], [execution_id, 2])
  equal((await lease('d', { have: [execution_id] }))[0]!.lease_token, second!.lease_token)
  await call('executions.ack', { execution_id, lease_token: second!.lease_token, status: 'accepted' })
  deepEqual(await lease('d', { have: [execution_id] }), [])
  deepEqual(await stands(command_id), ['pending/delivered'])
})

for (const { name, skip, fresh } of await enginesUnderTest()) {
  test(`${name}: what nobody has confirmed is given again under another lease, and who had it before is told that his is over`, {
    skip: skip ?? false,
  }, async (t) => {
    const { submit, lease, call, finish, stands } = await openCommandsRoom(t, await fresh(t))
    const { command_id } = await submit({ delivery: { max_attempts: 2 } })
    const [first] = await lease('d', { have: [] })
    const [second] = await lease('d', { have: [] })
    deepEqual([second!.execution_id, second!.attempt], [first!.execution_id, 2])
    notEqual(second!.lease_token, first!.lease_token)
    const ack = ({ execution_id, lease_token }: ExecutionOrder) =>
      call('executions.ack', { execution_id, lease_token, status: 'accepted' })
    const isOver = ({ details }: Failure) => details?.reason === 'lease_lost'
    await rejects(ack(first!), isOver)
    await rejects(finish(first!), isOver)
    await ack(second!)
    deepEqual(await stands(command_id), ['pending/delivered'])
    deepEqual(await lease('d', { have: [second!.execution_id] }), [])
    await finish(second!)
    deepEqual(await stands(command_id), ['completed'])
  })

  test(`${name}: what a device that acks first did not confirm is no attempt, however long it is away`, {
    skip: skip ?? false,
  }, async (t) => {
    const { submit, lease, call, finish, stands, pass } = await openCommandsRoom(t, await fresh(t))
    const { command_id } = await submit({ delivery: { max_attempts: 1 } })
    const isBack = () => lease('d', { have: [], acks_first: true })
    const [first] = await lease('d', { acks_first: true })
    const [second] = await isBack()
    notEqual(second!.lease_token, first!.lease_token)
    const ack = ({ execution_id, lease_token }: ExecutionOrder) =>
      call('executions.ack', { execution_id, lease_token, status: 'accepted' })
    await rejects(ack(first!), ({ details }: Failure) => details?.reason === 'lease_lost')
    await pass(31_000)
    deepEqual(await stands(command_id), ['pending/queued'])
    const [third] = await isBack()
    deepEqual([third!.execution_id, third!.attempt], [first!.execution_id, 1])
    await ack(third!)
    await finish(third!)
    deepEqual(await stands(command_id), ['completed'])
  })

  test(`${name}: what a device that acks first did not confirm is neither too slow nor stopped`, {
    skip: skip ?? false,
  }, async (t) => {
    const { submit, lease, call, stands, pass } = await openCommandsRoom(t, await fresh(t))
    const slow = await submit({ timeout_seconds: 10, delivery: { max_attempts: 1 } })
    await lease('d', { acks_first: true })
    await pass(31_000)
    deepEqual(await stands(slow.command_id), ['pending/queued'])
    await lease('d', { acks_first: true })
    await call('commands.cancel', { command_id: slow.command_id })
    await pass(31_000)
    deepEqual(await stands(slow.command_id), ['cancelled'])
  })

  test(`${name}: what is confirmed while another connection comes back without it stays with who confirmed it`, {
    skip: skip ?? false,
  }, async (t) => {
    const room = await openCommandsRoom(t, await fresh(t))
    const { command_id } = await room.submit({ delivery: { max_attempts: 1 } })
    const [order] = await room.lease('d', { acks_first: true })
    const { execution_id, lease_token } = order!
    const kept = createCommandStore(room.state, room.sealer)
    const ack = () => room.call('executions.ack', { execution_id, lease_token, status: 'accepted' })
    const store: typeof kept = {
      ...kept,
      // Two transactions at a time are there in PostgreSQL alone.
      async givenTo(deviceId, tx) {
        const found = await kept.givenTo(deviceId, tx)
        if (name === 'PostgreSQL') await ack()
        return found
      },
    }
    if (name === 'SQLite') await ack()
    const back = {
      deviceId: 'd',
      have: [],
      elsewhere: new Map([[execution_id, lease_token]]),
      acksFirst: true,
      room: () => 4,
    }
    deepEqual((await resync({ store, work: room.work }, back)).taken, [])
    await room.finish(order!)
    deepEqual(await room.stands(command_id), ['completed'])
  })

  test(`${name}: what a device that acks first has confirmed and lost is an attempt`, {
    skip: skip ?? false,
  }, async (t) => {
    const { submit, lease, call, stands, pass } = await openCommandsRoom(t, await fresh(t))
    for (const isBack of [true, false]) {
      const { command_id } = await submit({ delivery: { max_attempts: 1 } })
      const [order] = await lease('d', { acks_first: true })
      const { execution_id, lease_token } = order!
      await call('executions.ack', { execution_id, lease_token, status: 'accepted' })
      if (isBack) deepEqual(await lease('d', { have: [], acks_first: true }), [])
      else await pass(31_000)
      deepEqual(await stands(command_id), ['failed/outcome_unknown'])
    }
  })

  test(`${name}: of all who are given an execution at the same time one alone can confirm an attempt`, {
    skip: skip ?? false,
  }, async (t) => {
    const options = await fresh(t)
    const one = await openCommandsRoom(t, options)
    // Two nodes over one state, where the engine takes that.
    const two = name === 'PostgreSQL' ? await openCommandsRoom(t, { ...options, clock: one.clock }) : one
    for (let round = 0; round < 20; round++) {
      const { command_id } = await one.submit({ delivery: { max_attempts: 3 } })
      const [first] = await one.lease('d', { have: [] })
      const confirms = async (room: CommandsRoom, order: ExecutionOrder) => {
        const { execution_id, lease_token } = order
        const acked = room.call('executions.ack', { execution_id, lease_token, status: 'accepted' })
        return acked.then(
          () => [order.attempt],
          () => [],
        )
      }
      const isGiven = async (room: CommandsRoom) => {
        const [order] = await room.lease('d', { have: [] })
        return order ? confirms(room, order) : []
      }
      const confirmed = await Promise.all([isGiven(two), confirms(one, first!), isGiven(one)])
      const attempts = confirmed.flat()
      ok(attempts.length > 0)
      deepEqual(attempts, [...new Set(attempts)])
      await one.call('commands.cancel', { command_id })
      await one.pass(11_000)
    }
  })
}

/** A device over a connection, and what it is told. */
function connect({ commands, ctx }: CommandsRoom, have: readonly string[] = []) {
  const told: string[] = []
  const orders: ExecutionOrder[] = []
  const close = commands.receive(
    ctx,
    'd',
    {
      execute: (order) => orders.push(order) > 0 && told.push('execute') > 0,
      cancel: () => void told.push('cancel'),
      room: () => undefined,
      replaced: () => {},
    },
    { max: 16, have },
  )
  return { told, orders, close }
}

test('what may be given but once is given once, however often its device comes back, and its lease ends it', async (t) => {
  for (const way of ['connection', 'poll'] as const) {
    const room = await openCommandsRoom(t)
    const comesBack = async () => {
      if (way === 'poll') return room.lease('d', { have: [] })
      const { orders, close } = connect(room)
      const another = await room.submit({ command: 'health_check' })
      await until('what came after it is given', async () =>
        orders.some((one) => one.command_id === another.command_id),
      )
      close()
      return orders.filter(({ command }) => command === 'restart')
    }
    const { command_id } = await room.submit({ command: 'restart' })
    const given = await comesBack()
    for (let times = 0; times < 3; times++) given.push(...(await comesBack()))
    deepEqual([way, ...given.map(({ attempt }) => attempt)], [way, 1])
    deepEqual(await room.stands(command_id), ['pending/sent'])
    await room.pass(31_000)
    deepEqual(await room.stands(command_id), ['failed/outcome_unknown'])
  }
})

test('a last attempt may be confirmed, although its device has come back without it', async (t) => {
  const { submit, lease, finish, stands } = await openCommandsRoom(t)
  const { command_id } = await submit()
  const [order] = await lease('d', { have: [] })
  deepEqual(await lease('d', { have: [] }), [])
  await finish(order!)
  deepEqual(await stands(command_id), ['completed'])
})

test('each time that a device is given what it does not have is an attempt, and no more are made than there may be', async (t) => {
  const { submit, lease, call, pass, stands } = await openCommandsRoom(t)
  const { command_id } = await submit({ delivery: { max_attempts: 3 } })
  const given: number[] = []
  for (let times = 0; times < 5; times++) given.push(...(await lease('d', { have: [] })).map(({ attempt }) => attempt))
  deepEqual(given, [1, 2, 3])
  equal((await call('commands.executions.list', { command_id })).executions[0]!.attempt, 3)
  await pass(31_000)
  deepEqual(await stands(command_id), ['failed/outcome_unknown'])
})

test('a poll takes no more in place of what was lost than it asked for', async (t) => {
  const { submit, lease } = await openCommandsRoom(t)
  for (let i = 0; i < 3; i++) await submit({ delivery: { max_attempts: 9 } })
  await lease('d')
  const attempts = async () => (await lease('d', { have: [], max: 2 })).map(({ attempt }) => attempt)
  deepEqual(await attempts(), [2, 2])
  // What was lost longest ago is next again.
  deepEqual(await attempts(), [3, 3])
})

test('what is leased for a poll whose caller has gone is given to the next, in the same attempt', async (t) => {
  const { submit, lease, commands, ctx } = await openCommandsRoom(t)
  await submit()
  const poll = commands.handlers['commands.lease'] as (
    gone: typeof ctx,
    input: { device_id: string },
  ) => Promise<unknown>
  equal(await poll({ ...ctx, signal: AbortSignal.abort() }, { device_id: 'd' }), null)
  deepEqual(
    (await lease()).map(({ attempt }) => attempt),
    [1],
  )
})

test('what was cancelled while its device was away is given to it no more, or with the cancel if it has it', async (t) => {
  const room = await openCommandsRoom(t)
  const delivery = { max_attempts: 3 }
  const lost = await room.submit({ delivery })
  const known = await room.submit({ delivery })
  const before = connect(room)
  await until('both are given', async () => before.orders.length === 2)
  before.close()
  for (const { command_id } of [lost, known]) await room.call('commands.cancel', { command_id })
  const back = connect(room, [before.orders[1]!.execution_id])
  await until('it is told', async () => back.told.includes('cancel'))
  deepEqual([back.told, back.orders[0]!.command_id], [['execute', 'cancel'], known.command_id])
  deepEqual(await room.stands(lost.command_id), ['cancelled/unconfirmed'])
  back.close()
})

test('who waits for commands does not hold up a server that stops', async (t) => {
  const nexus = await startTestNexus(t)
  const waiting = nexus.client.commands.lease({ device_id: 'd', wait_seconds: 60 }, { timeoutMs: 60_000 })
  await until('it waits', async () => (await nexus.client.devices.list({ status: 'online' })).devices.length > 0)
  await nexus.stop()
  equal(await waiting, null)
})
