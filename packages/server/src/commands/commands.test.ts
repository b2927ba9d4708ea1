import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import { json, startTestNexus } from '../testing/nexus.ts'
import { until } from '../testing/until.ts'

test('a command goes to its device by long poll, and comes back with the result as specified', async (t) => {
  const nexus = await startTestNexus(t)
  const { client: device } = await nexus.as({ scopes: ['telemetry:write'], device_id: 'device-12345' })
  const submitted = await nexus.client.commands.execute({
    command: 'restart_service',
    target: { device_id: 'device-12345', service: 'api-gateway' },
    parameters: { graceful: true, timeout_seconds: 30 },
    async: true,
  })
  equal(submitted.status, 'pending')
  equal(Date.parse(submitted.estimated_completion) - Date.parse(submitted.submitted_at), 30_000)
  const { command_id } = submitted

  const leased = await device.commands.lease({ device_id: 'device-12345', max: 4 })
  const [order] = leased!.executions
  deepEqual(
    [order!.command, order!.service, order!.parameters, order!.attempt],
    ['restart_service', 'api-gateway', { graceful: true, timeout_seconds: 30 }, 1],
  )
  const held = { execution_id: order!.execution_id, lease_token: order!.lease_token }
  equal((await nexus.client.commands.get({ command_id })).sub_status, 'sent')
  await device.executions.ack({ ...held, status: 'accepted' })
  equal((await nexus.client.commands.get({ command_id })).sub_status, 'delivered')
  const standing = await device.executions.progress({ ...held, seq: 1, percent: 50, message: 'half way' })
  deepEqual([standing.status, standing.cancel_requested], ['running', false])
  await device.executions.logs({ ...held, lines: [{ message: 'one' }, { level: 'warn', message: 'two' }] })
  await device.executions.result({
    ...held,
    status: 'completed',
    result: { message: 'Service restarted successfully' },
  })
  const command = await nexus.client.commands.get({ command_id })
  equal(command.status, 'completed')
  equal(command.result?.success, true)
  equal(command.result?.message, 'Service restarted successfully')
  ok(Number.isInteger(command.result?.duration_ms))
  deepEqual(Object.keys(command.result!), ['success', 'message', 'duration_ms'])
  const { lines } = await nexus.client.commands.logs.list({ command_id })
  deepEqual(
    lines.map(({ level, message }) => [level, message]),
    [
      ['info', 'one'],
      ['warn', 'two'],
    ],
  )
  const { events } = await nexus.client.events.list({ types: 'command.*' })
  deepEqual(
    events.map(({ type }) => type),
    ['command.submitted', 'command.started', 'command.progress', 'command.completed'],
  )
  deepEqual(
    events.map(({ data }) => data.seq),
    [1, 2, 3, 4],
  )
  equal(new Set(events.map(({ trace_id }) => trace_id)).size, 1)
  await rejects(nexus.client.commands.cancel({ command_id }), { code: 'CONFLICT' })
})

test('a poll whose key was revoked meanwhile gets no work', async (t) => {
  const nexus = await startTestNexus(t)
  const made = await nexus.client.auth.keys.create({ name: 'd', scopes: ['telemetry:write'], device_id: 'd' })
  const poll = nexus.request('/v1/devices/d/commands/lease', { ...json({ wait_seconds: 60 }), key: made.key })
  await until('the device is there', async () => {
    const { devices } = await nexus.client.devices.list({ status: 'online' })
    return devices.length === 1
  })
  await nexus.client.auth.keys.revoke({ key_id: made.key_id })
  await nexus.client.commands.execute({ command: 'x', target: { device_id: 'd' }, parameters: { pin: 4711 } })
  const answer = await poll
  equal(answer.status, 401)
  ok(!(await answer.text()).includes('4711'))
})

test('whoever waits for the end of a command and loses the key meanwhile is not told of it', async (t) => {
  const nexus = await startTestNexus(t)
  const made = await nexus.client.auth.keys.create({ name: 'd', scopes: ['command:execute'] })
  const body = { command: 'x', target: { device_id: 'd' }, async: false, delivery: { mode: 'queue' } }
  const waiting = nexus.request('/v1/commands/execute', { ...json(body), key: made.key })
  const [order] = (await nexus.client.commands.lease({ device_id: 'd', wait_seconds: 30 }))!.executions
  await nexus.client.auth.keys.revoke({ key_id: made.key_id })
  const { execution_id, lease_token } = order!
  await nexus.client.executions.result({ execution_id, lease_token, status: 'completed', result: { pin: 4711 } })
  const answer = await waiting
  equal(answer.status, 401)
  ok(!(await answer.text()).includes('4711'))
})
