import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import { openCommandsRoom } from '../testing/commands-room.ts'
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

test('who waits for commands does not hold up a server that stops', async (t) => {
  const nexus = await startTestNexus(t)
  const waiting = nexus.client.commands.lease({ device_id: 'd', wait_seconds: 60 }, { timeoutMs: 60_000 })
  await until('it waits', async () => (await nexus.client.devices.list({ status: 'online' })).devices.length > 0)
  await nexus.stop()
  equal(await waiting, null)
})
