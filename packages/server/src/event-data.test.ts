import { deepEqual, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { eventData } from '@nexus/contract'
import type { TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { startTestNexus, type TestNexus } from './testing/nexus.ts'
import { until } from './testing/until.ts'
import { bearer, openWs } from './testing/ws-client.ts'

test('events say what the contract has of them', async (t) => {
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
  socket.ws.close()
  await runCommands(nexus)
  const events = await until('the device is gone, and a command has had its time', async () => {
    const { events } = await nexus.client.events.list({ limit: 1000 })
    const types = events.map(({ type }) => type)
    return types.includes('device.offline') && types.includes('command.timeout') && events
  })
  deepEqual([...new Set(events.map(({ type }) => type))].toSorted(), Object.keys(eventData).toSorted())
  for (const { type, data } of events) {
    const schema: TSchema = eventData[type as keyof typeof eventData]
    ok(Compile({ ...schema, additionalProperties: false } as TSchema).Check(data), `${type} ${JSON.stringify(data)}`)
  }
})

/** Commands that end in each way. */
async function runCommands({ client }: TestNexus): Promise<void> {
  const target = { device_id: 'bound' }
  await client.commands.execute({ command: 'late', target, delivery: { ttl_seconds: 1 } })
  await client.commands.cancel(await submitted(client.commands.execute({ command: 'x', target })))
  for (const status of ['completed', 'failed'] as const) {
    await client.commands.execute({ command: status, target, priority: 'urgent' })
    const [order] = (await client.commands.lease({ device_id: 'bound' }))!.executions
    const held = { execution_id: order!.execution_id, lease_token: order!.lease_token }
    await client.executions.progress({ ...held, seq: 1, percent: 50, message: 'half way' })
    await client.executions.result({ ...held, status, result: { n: 1 } })
  }
}

async function submitted(answer: Promise<{ command_id: string }>): Promise<{ command_id: string }> {
  const { command_id } = await answer
  return { command_id }
}
