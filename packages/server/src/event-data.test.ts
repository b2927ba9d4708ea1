import { deepEqual, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { eventData } from '@nexus/contract'
import type { TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { startTestNexus } from './testing/nexus.ts'
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
  const events = await until('the device is gone', async () => {
    const { events } = await nexus.client.events.list({})
    return events.some(({ type }) => type === 'device.offline') && events
  })
  deepEqual([...new Set(events.map(({ type }) => type))].toSorted(), Object.keys(eventData).toSorted())
  for (const { type, data } of events) {
    const schema: TSchema = eventData[type as keyof typeof eventData]
    ok(Compile({ ...schema, additionalProperties: false } as TSchema).Check(data), `${type} ${JSON.stringify(data)}`)
  }
})
