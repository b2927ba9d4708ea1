import { deepEqual, equal, ok } from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { Event } from '@nexus/contract'
import { createClient, type NexusClient } from '@nexus/sdk'
import { freePort, spawnNexus } from './testing/child-nexus.ts'
import { testFolder } from './testing/nexus.ts'
import { SimulatedDevice } from './testing/simulated-device.ts'
import { until } from './testing/until.ts'

const kills = 6
const commands = 1000
const devices = 10

/** Submits until it is acknowledged, however often the server dies meanwhile. */
async function submit(client: NexusClient, n: number): Promise<string> {
  for (;;) {
    try {
      const { command_id } = await client.commands.execute(
        {
          command: 'work',
          target: { device_id: `device-${n % devices}` },
          delivery: { max_attempts: 1 + (n % 3), order: n % 2 === 0 ? 'on_result' : 'none' },
        },
        { idempotencyKey: `command-${n}` },
      )
      return command_id
    } catch {
      await pause(20)
    }
  }
}

async function allEvents(client: NexusClient): Promise<Event[]> {
  const events: Event[] = []
  for (let after: string | undefined; ; ) {
    const page = await client.events.list({ types: 'command.*', limit: 1000, ...(after && { after }) })
    events.push(...page.events)
    if (page.next_cursor === null) return events
    after = page.next_cursor
  }
}

test('killed again and again with a thousand commands in flight, a server loses none, and no device does one twice', async (t) => {
  const env = { NEXUS_DATA_DIR: testFolder(t), NEXUS_PORT: String(await freePort()) }
  let nexus = await spawnNexus(t, env)
  const key = readFileSync(join(env.NEXUS_DATA_DIR, 'admin.key'), 'utf8').trim()
  const client = createClient({ url: nexus.url, apiKey: key, retry: false })
  const simulated = await Promise.all(
    Array.from({ length: devices }, async (_, i) => {
      const device_id = `device-${i}`
      const { key } = await client.auth.keys.create({ name: device_id, scopes: ['telemetry:write'], device_id })
      return new SimulatedDevice(nexus.url, key, device_id)
    }),
  )
  const running = simulated.map((device) => device.start())
  const submitting = Promise.all(Array.from({ length: commands }, (_, n) => submit(client, n)))
  for (let kill = 0; kill < kills; kill++) {
    await pause(randomInt(50, 400))
    simulated[kill % devices]!.cut()
    await pause(randomInt(50, 400))
    nexus.process.kill('SIGKILL')
    await nexus.ended
    nexus = await spawnNexus(t, env)
  }
  const ids = await submitting
  equal(new Set(ids).size, commands)
  await until(
    'every command has ended',
    async () => {
      const left = await Promise.all(
        (['pending', 'running'] as const).map(
          async (status) => (await client.commands.list({ status })).commands.length,
        ),
      )
      return left.every((count) => count === 0)
    },
    120_000,
  )
  for (const device of simulated) device.stop()
  await Promise.all(running)

  const runs = simulated.flatMap((device) => [...device.runs])
  deepEqual(
    runs.filter(([, count]) => count !== 1),
    [],
  )
  const ends = new Map<string, string[]>()
  for (const { type, data } of await allEvents(client)) {
    const id = data.command_id as string
    if (/completed|failed|timeout|cancelled/.test(type)) ends.set(id, [...(ends.get(id) ?? []), type])
  }
  const ended = ids.map((id) => ends.get(id)?.join(' '))
  deepEqual(new Set(ended), new Set(['command.completed']))
  ok(runs.length >= commands)
  t.diagnostic(`${runs.length} executions were begun`)
})
