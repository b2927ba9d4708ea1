import { deepEqual, equal, ok } from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { ExecutionOrder } from '@nexus/contract'
import { startTestNexus, type TestNexus } from '../../testing/nexus.ts'
import { until } from '../../testing/until.ts'
import { bearer, openWs, type WsClient } from '../../testing/ws-client.ts'

async function openDevice(t: TestContext, nexus: TestNexus, hello: object = {}): Promise<WsClient> {
  const { key } = await nexus.as({ scopes: ['telemetry:write'], device_id: 'd' })
  const device = await openWs(t, nexus, { headers: bearer(key) })
  const welcome = await device.ask('device.hello', { device_id: 'd', ...hello })
  deepEqual([welcome.type, welcome.payload], ['device.welcome', { device_id: 'd' }])
  return device
}

const orders = (device: WsClient) => device.of('command.execute').map(({ payload }) => payload as ExecutionOrder)
const given = (device: WsClient, count: number) =>
  until(`${count} executions`, async () => orders(device).length >= count && orders(device))
const heldOf = ({ execution_id, lease_token }: ExecutionOrder) => ({ execution_id, lease_token })

test('a command that is sent over a WebSocket is accepted, executed by a device, and its result comes by itself', async (t) => {
  const nexus = await startTestNexus(t)
  const device = await openDevice(t, nexus)
  const operator = await openWs(t, nexus)
  const accepted = await operator.ask('command', { command: 'restart_service', target: { device_id: 'd' } })
  deepEqual([accepted.type, accepted.payload.status], ['command.accepted', 'pending'])
  const [order] = await given(device, 1)
  equal(order!.command_id, accepted.payload.command_id)
  const held = heldOf(order!)
  const acked = await device.ask('command.ack', { ...held, status: 'accepted' })
  deepEqual([acked.type, acked.payload.cancel_requested], ['command.confirmed', false])
  await device.ask('command.progress', { ...held, seq: 1, percent: 10 })
  await device.ask('command.log', { ...held, lines: [{ message: 'working' }] })
  const done = await device.ask('command.result', { ...held, status: 'completed', result: { n: 7 } })
  deepEqual([done.type, done.payload.status], ['command.confirmed', 'completed'])
  const [result] = await until(
    'the result',
    async () => operator.of('command.result').length > 0 && operator.of('command.result'),
  )
  const { command_id, status, result: outcome } = result!.payload
  const { success, n } = outcome as { success: boolean; n: number }
  deepEqual([command_id, status, success, n], [order!.command_id, 'completed', true, 7])
  const repeated = await device.ask('command.result', { ...held, status: 'completed', result: { n: 7 } })
  equal(repeated.type, 'command.confirmed')
  const other = await device.ask('command.result', { ...held, status: 'completed' })
  deepEqual([other.type, other.payload.code], ['error', 'CONFLICT'])
})

test('what a device is told to cancel, and what of a lost lease, is told in words', async (t) => {
  const nexus = await startTestNexus(t)
  const device = await openDevice(t, nexus)
  const { command_id } = await nexus.client.commands.execute({ command: 'x', target: { device_id: 'd' } })
  const [order] = await given(device, 1)
  await nexus.client.commands.cancel({ command_id })
  const [cancel] = await until(
    'the cancel',
    async () => device.of('command.cancel').length > 0 && device.of('command.cancel'),
  )
  deepEqual(cancel!.payload, { execution_id: order!.execution_id })
  await device.ask('command.result', { ...heldOf(order!), status: 'cancelled' })
  equal((await nexus.client.commands.get({ command_id })).status, 'cancelled')
  const late = await device.ask('command.progress', { ...heldOf(order!), seq: 1 })
  deepEqual([late.type, late.payload.code], ['error', 'CONFLICT'])
})

test('after a reconnect a device is sent what did not reach it, and goes on with what it has', async (t) => {
  const nexus = await startTestNexus(t)
  const device = await openDevice(t, nexus)
  const twice = { command: 'x', target: { device_id: 'd' }, delivery: { max_attempts: 2 } }
  for (let i = 0; i < 2; i++) await nexus.client.commands.execute(twice)
  const [first, second] = await given(device, 2)
  await device.ask('command.ack', { ...heldOf(first!), status: 'accepted' })
  device.ws.terminate()
  await device.closed
  const { command_id } = await nexus.client.commands.execute({ command: 'x', target: { device_id: 'd' } })
  const again = await openDevice(t, nexus, { have: [first!.execution_id] })
  const sent = await given(again, 2)
  const { lease_expires_at, deadline, time_left_ms, lease_token } = sent[0]!
  deepEqual(sent[0], { ...second!, attempt: 2, lease_expires_at, deadline, time_left_ms, lease_token })
  equal(sent[1]!.command_id, command_id)
  await again.ask('command.result', { ...heldOf(first!), status: 'completed' })
  equal((await nexus.client.commands.get({ command_id: first!.command_id })).status, 'completed')
})

test('the newest connection of a device receives, and the older one is told so', async (t) => {
  const nexus = await startTestNexus(t)
  const older = await openDevice(t, nexus)
  const newer = await openDevice(t, nexus)
  await until('a word', async () => older.of('device.replaced').length > 0)
  await nexus.client.commands.execute({ command: 'x', target: { device_id: 'd' } })
  await given(newer, 1)
  equal(orders(older).length, 0)
})

test('an execution that nobody confirmed is in the hands of the newest connection alone', async (t) => {
  const nexus = await startTestNexus(t)
  for (const first of ['older', 'newer'] as const) {
    const older = await openDevice(t, nexus)
    const twice = { command: 'x', target: { device_id: 'd' }, delivery: { max_attempts: 2 } }
    const { command_id } = await nexus.client.commands.execute(twice)
    const [before] = await given(older, 1)
    const newer = await openDevice(t, nexus, { have: [] })
    const [order] = await given(newer, 1)
    deepEqual([order!.execution_id, order!.attempt], [before!.execution_id, 2])
    const acks = {
      older: () => older.ask('command.ack', { ...heldOf(before!), status: 'accepted' }),
      newer: () => newer.ask('command.ack', { ...heldOf(order!), status: 'accepted' }),
    }
    const answers = { [first]: await acks[first](), older: await acks.older(), newer: await acks.newer() }
    deepEqual([answers.newer.type, answers.older.type], ['command.confirmed', 'error'])
    equal((answers.older.payload.details as Record<string, unknown>).reason, 'lease_lost')
    equal((await older.ask('command.result', { ...heldOf(before!), status: 'completed' })).type, 'error')
    await newer.ask('command.result', { ...heldOf(order!), status: 'completed', result: { by: 'newer' } })
    const { status, result } = await nexus.client.commands.get({ command_id })
    deepEqual([status, (result as { by?: string }).by], ['completed', 'newer'])
    newer.ws.terminate()
    older.ws.terminate()
    await Promise.all([newer.closed, older.closed])
  }
})

test('a connection that takes the place of an open one, and knows nothing, ends nothing of what that runs', async (t) => {
  const nexus = await startTestNexus(t)
  const first = await openDevice(t, nexus)
  for (let i = 0; i < 2; i++) await nexus.client.commands.execute({ command: 'x', target: { device_id: 'd' } })
  const [one, two] = await given(first, 2)
  for (const order of [one!, two!]) await first.ask('command.ack', { ...heldOf(order), status: 'accepted' })
  const second = await openDevice(t, nexus)
  const third = await openDevice(t, nexus)
  const { client: poller } = await nexus.as({ scopes: ['telemetry:write'], device_id: 'd' })
  await poller.commands.lease({ device_id: 'd', have: [] })
  await nexus.client.commands.execute({ command: 'x', target: { device_id: 'd' } })
  await given(third, 1)
  equal((await first.ask('command.progress', { ...heldOf(one!), seq: 1 })).type, 'command.confirmed')
  await first.ask('command.result', { ...heldOf(one!), status: 'completed' })
  equal((await nexus.client.commands.get({ command_id: one!.command_id })).status, 'completed')
  equal(orders(second).length, 0)

  // Nobody but the newest is there any more: what that has is lost with it.
  const [three] = orders(third)
  await third.ask('command.ack', { ...heldOf(three!), status: 'accepted' })
  third.ws.terminate()
  await third.closed
  await until('nobody receives', async () => {
    const metrics = await (await nexus.request('/metrics')).text()
    return metrics.includes('nexus_devices_receiving 0')
  })
  await openDevice(t, nexus)
  await until('it is lost', async () => {
    const { sub_status } = await nexus.client.commands.get({ command_id: three!.command_id })
    return sub_status === 'outcome_unknown'
  })
  const { sub_status } = await nexus.client.commands.get({ command_id: two!.command_id })
  equal(sub_status, 'delivered')
})

test('a device takes as many at once as it says, and the next when one is done', async (t) => {
  const nexus = await startTestNexus(t)
  const device = await openDevice(t, nexus, { capabilities: { max_concurrency: 1 } })
  for (let i = 0; i < 3; i++) await nexus.client.commands.execute({ command: 'x', target: { device_id: 'd' } })
  for (let done = 0; done < 3; done++) {
    const sent = await given(device, done + 1)
    equal(sent.length, done + 1)
    await device.ask('command.result', { ...heldOf(sent[done]!), status: 'completed' })
  }
})

test('a device may report of a hundred executions in one moment', async (t) => {
  const nexus = await startTestNexus(t)
  const device = await openDevice(t, nexus, { capabilities: { max_concurrency: 100 } })
  const target = { device_id: 'd' }
  await Promise.all(Array.from({ length: 100 }, () => nexus.client.commands.execute({ command: 'x', target })))
  const sent = await given(device, 100)
  for (const order of sent) device.send('command.ack', { ...heldOf(order), status: 'accepted' })
  for (const order of sent) device.send('command.result', { ...heldOf(order), status: 'completed' })
  await until('all are confirmed', async () => device.of('command.confirmed').length === 200)
  deepEqual(device.of('error'), [])
})

test('only the device itself receives its commands', async (t) => {
  const nexus = await startTestNexus(t)
  for (const settings of [{ device_id: 'other' }, {}]) {
    const { key } = await nexus.as({ scopes: ['telemetry:write'], ...settings })
    const stranger = await openWs(t, nexus, { headers: bearer(key) })
    const { type, payload } = await stranger.ask('device.hello', { device_id: 'd' })
    deepEqual([type, payload.code], ['error', 'FORBIDDEN'])
  }
  const { key } = await nexus.as({ scopes: ['telemetry:read'], device_id: 'd' })
  const reader = await openWs(t, nexus, { headers: bearer(key) })
  equal((await reader.ask('device.hello', { device_id: 'd' })).payload.code, 'FORBIDDEN')
  const operator = await openWs(t, nexus, {
    headers: bearer((await nexus.as({ scopes: ['telemetry:write'], device_id: 'd' })).key),
  })
  const { payload } = await operator.ask('command', { command: 'x', target: { device_id: 'd' } })
  deepEqual(
    [payload.code, (payload.details as Record<string, unknown>).required_scope],
    ['FORBIDDEN', 'command:execute'],
  )
})

test('a hello that is refused changes nothing, and a connection stays that of its device', async (t) => {
  const nexus = await startTestNexus(t)
  const bound = await openDevice(t, nexus)
  const ofAdmin = await openWs(t, nexus)
  await ofAdmin.ask('device.hello', { device_id: 'e' })
  const refusalOf = ({ payload: { code, details } }: Awaited<ReturnType<WsClient['ask']>>) => [
    code,
    (details as Record<string, unknown>).reason,
  ]
  deepEqual(refusalOf(await bound.ask('device.hello', { device_id: 'other' })), ['FORBIDDEN', undefined])
  deepEqual(refusalOf(await ofAdmin.ask('device.hello', { device_id: 'other' })), ['CONFLICT', 'another_device'])
  for (const [device, id] of [
    [bound, 'd'],
    [ofAdmin, 'e'],
  ] as const) {
    await nexus.client.commands.execute({ command: 'x', target: { device_id: id } })
    await given(device, 1)
    equal((await device.ask('device.hello', { device_id: id })).type, 'device.welcome')
    deepEqual(device.of('device.replaced'), [])
  }
  await openDevice(t, nexus)
  await until('a word', async () => bound.of('device.replaced').length > 0)
  equal((await nexus.client.devices.get({ device_id: 'd' })).status, 'online')
})

test('a device that is connected is online, and its commands say that they wait for it once it is gone', async (t) => {
  const nexus = await startTestNexus(t)
  const device = await openDevice(t, nexus)
  equal((await nexus.client.devices.get({ device_id: 'd' })).status, 'online')
  device.ws.terminate()
  await device.closed
  await until('it is offline', async () => (await nexus.client.devices.get({ device_id: 'd' })).status === 'offline')
  const { command_id } = await nexus.client.commands.execute({ command: 'x', target: { device_id: 'd' } })
  const { sub_status, waiting_for } = await nexus.client.commands.get({ command_id })
  deepEqual([sub_status, waiting_for], ['offline', { reason: 'device_offline' }])
  ok(await nexus.client.commands.cancel({ command_id }))
})

test('a command that is to be waited for is refused over the connection, and nothing is sent', async (t) => {
  const nexus = await startTestNexus(t)
  const operator = await openWs(t, nexus)
  const command = { command: 'x', target: { device_id: 'd' } }
  for (const [field, more] of [
    ['async', { async: false, wait_seconds: 1 }],
    ['wait_seconds', { wait_seconds: 1 }],
  ] as const) {
    const { payload } = await operator.ask('command', { ...command, ...more })
    deepEqual([payload.code, (payload.details as Record<string, unknown>).field], ['INVALID_REQUEST', field])
  }
  deepEqual((await nexus.client.commands.list()).commands, [])
  equal((await operator.ask('command', { ...command, async: true })).type, 'command.accepted')
  const { payload } = await operator.ask('command', { ...command, delivery: { mode: 'immediate' } })
  equal((payload.details as Record<string, unknown>).reason, 'target_offline')
})
