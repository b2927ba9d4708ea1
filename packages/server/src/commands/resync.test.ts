import { deepEqual, equal, notEqual, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import type { ExecutionOrder } from '@nexus/contract'
import type { Failure } from '../core/failure.ts'
import { enginesUnderTest } from '../storage/state/testing/engines-under-test.ts'
import { type CommandsRoom, openCommandsRoom } from '../testing/commands-room.ts'
import { startTestNexus } from '../testing/nexus.ts'
import { until } from '../testing/until.ts'

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
    const { command_id } = await submit()
    const [first] = await lease('d', { have: [] })
    const [second] = await lease('d', { have: [] })
    deepEqual([second!.execution_id, second!.attempt], [first!.execution_id, 1])
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

  test(`${name}: of all who are given an execution at the same time one alone can confirm it`, {
    skip: skip ?? false,
  }, async (t) => {
    const options = await fresh(t)
    const one = await openCommandsRoom(t, options)
    // Two nodes over one state, where the engine takes that.
    const two = name === 'PostgreSQL' ? await openCommandsRoom(t, { ...options, clock: one.clock }) : one
    for (let round = 0; round < 20; round++) {
      await one.submit()
      const [first] = await one.lease('d', { have: [] })
      const confirms = async (room: CommandsRoom, order: ExecutionOrder) => {
        const { execution_id, lease_token } = order
        const acked = room.call('executions.ack', { execution_id, lease_token, status: 'accepted' })
        return acked.then(
          () => [order.lease_token],
          () => [],
        )
      }
      const isGiven = async (room: CommandsRoom) => {
        const [order] = await room.lease('d', { have: [] })
        return order ? confirms(room, order) : []
      }
      const confirmed = await Promise.all([isGiven(two), confirms(one, first!), isGiven(one)])
      equal(confirmed.flat().length, 1)
    }
  })
}

test('who waits for commands does not hold up a server that stops', async (t) => {
  const nexus = await startTestNexus(t)
  const waiting = nexus.client.commands.lease({ device_id: 'd', wait_seconds: 60 }, { timeoutMs: 60_000 })
  await until('it waits', async () => (await nexus.client.devices.list({ status: 'online' })).devices.length > 0)
  await nexus.stop()
  equal(await waiting, null)
})
