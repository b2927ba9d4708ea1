import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import { enginesUnderTest } from '../storage/state/testing/engines-under-test.ts'
import { openCommandsRoom } from '../testing/commands-room.ts'

const { skip, fresh } = (await enginesUnderTest()).find(({ name }) => name === 'PostgreSQL')!

test('no transaction waits for a second connection: with one, a command goes through all that may become of it', {
  skip: skip ?? false,
}, async (t) => {
  const { call, submit, lease, finish, pass, stands } = await openCommandsRoom(t, {
    ...(await fresh(t)),
    connectionsMax: 1,
  })
  const restarted = () => submit({ command: 'restart', target: { device_ids: ['a', 'b'] } })
  const one = await submit({ command: 'careful', delivery: { max_attempts: 2 } })
  equal((await call('commands.get', { command_id: one.command_id })).sub_status, 'offline')
  await call('commands.definitions.put', { name: 'careful', category: 'custom', defaults: { approval: 'always' } })
  const { command_id } = await submit({ command: 'careful' })
  equal((await call('commands.approve', { command_id })).sub_status, 'offline')
  await call('commands.reject', { command_id: (await restarted()).command_id })
  equal((await call('commands.cancel', { command_id })).status, 'cancelled')
  const rolling = await submit({ target: { device_ids: ['a', 'b'] }, rollout: { max_concurrency: 1 } })
  await call('commands.pause', { command_id: rolling.command_id })
  await call('commands.resume', { command_id: rolling.command_id })
  for (const device_id of ['d', 'a', 'b']) {
    const [order] = await lease(device_id, { have: [] })
    const held = { execution_id: order!.execution_id, lease_token: order!.lease_token }
    await call('executions.ack', { ...held, status: 'accepted' })
    await call('executions.progress', { ...held, seq: 1, percent: 1 })
    await call('executions.logs', { ...held, lines: [{ message: 'x' }] })
    await finish(order!, { status: 'failed' })
  }
  await pass(1000)
  deepEqual(await stands(rolling.command_id), ['failed/error', 'failed/error'])
  equal((await call('commands.retry', { command_id: one.command_id })).status, 'pending')
})
