import { test } from 'node:test'
import type { Input } from '@nexus/contract'
import { checkEventData } from './testing/event-data.ts'
import { startTestNexus, type TestNexus } from './testing/nexus.ts'
import { until } from './testing/until.ts'
import { bearer, openWs } from './testing/ws-client.ts'

test('events say what the contract has of them, but for those of tasks', async (t) => {
  const nexus = await startTestNexus(t)
  const frame = {
    device_id: 'd',
    metrics: { n: 1, o: { a: [1] } },
    tags: { a: 'b' },
    metadata: { v: 1 },
    frame_id: 'f',
  }
  await nexus.client.telemetry.frames.send(frame)
  const { key } = await nexus.as({ scopes: ['telemetry:write'], device_id: 'bound' })
  const socket = await openWs(t, nexus, { headers: bearer(key) })
  await until('the device is there', async () => {
    const { events } = await nexus.client.events.list({ types: 'device.online' })
    return events.some(({ subject }) => subject === 'bound')
  })
  socket.ws.close()
  await command(nexus)
  const events = await until('the device is gone, and a command was too slow', async () => {
    const { events } = await nexus.client.events.list({ limit: 100 })
    return ['device.offline', 'command.timeout'].every((wanted) => events.some(({ type }) => type === wanted)) && events
  })
  checkEventData(events, (type) => !type.startsWith('task.'))
})

/** Every event of commands, the abort of a roll-out among them. */
async function command({ client }: TestNexus): Promise<void> {
  const execute = (more: Partial<Input<'commands.execute'>> = {}) =>
    client.commands.execute({ command: 'x', target: { device_id: 'd' }, ...more })
  const end = async (device_id: string, status: 'completed' | 'failed') => {
    const { execution_id, lease_token } = (await client.commands.lease({ device_id }))!.executions[0]!
    const held = { execution_id, lease_token }
    await client.executions.progress({ ...held, seq: 1, percent: 5, message: 'begun' })
    const error = { code: 'no', message: 'No' }
    await client.executions.result({ ...held, status, result: { n: 1 }, ...(status === 'failed' && { error }) })
  }
  await execute()
  await end('d', 'completed')
  await client.commands.cancel({ command_id: (await execute()).command_id })
  await execute({ target: { device_ids: ['d', 'e'] }, rollout: { canary: 1 } })
  await end('d', 'failed')
  await execute({ delivery: { ttl_seconds: 1 } })
}
