import { deepEqual, equal } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { createClient } from '@nexus/sdk'
import { spawnNexus } from './testing/child-nexus.ts'
import { startTestNexus, testFolder } from './testing/nexus.ts'
import { until } from './testing/until.ts'

test('a device whose frame was acknowledged before a kill -9 is registered, although it could not be written down', async (t) => {
  const folder = testFolder(t)
  const first = await spawnNexus(t, { NEXUS_DATA_DIR: folder })
  const apiKey = readFileSync(join(folder, 'admin.key'), 'utf8').trim()
  const client = createClient({ url: first.url, apiKey, retry: false })
  for (const device_id of ['kept', 'deleted']) {
    await client.telemetry.frames.send({ device_id, metrics: { m: 1 } })
    await client.devices.get({ device_id })
  }
  await client.devices.delete({ device_id: 'deleted' })
  const { task_id } = await client.tasks.create({
    name: 'welcome',
    type: 'event_driven',
    trigger: { event_types: ['device.registered'] },
  })

  // Nobody else can write the state meanwhile.
  const state = new DatabaseSync(join(folder, 'state.db'))
  state.exec('begin immediate')
  await client.telemetry.frames.send({ device_id: 'lost', metrics: { m: 1 }, tags: { site: 'north' } })
  first.process.kill('SIGKILL')
  await first.ended
  equal(state.prepare('select count(*) as count from devices').get()?.count, 2)
  state.exec('rollback')
  state.close()

  const again = await startTestNexus(t, { dataDir: folder, adminKey: apiKey })
  const { devices } = await again.client.devices.list()
  deepEqual(
    devices.map(({ device_id, status, tags }) => [device_id, status, tags]),
    [
      ['kept', 'online', {}],
      ['lost', 'offline', { site: 'north' }],
    ],
  )
  const { events } = await again.client.events.list({ types: 'device.registered' })
  deepEqual(
    events.map(({ subject }) => subject),
    ['kept', 'deleted', 'lost'],
  )
  await until('what it triggers runs', async () => {
    const { runs } = await again.client.tasks.runs.list({ task_id })
    return runs.length === 1
  })
})

test('who has sent a frame sees its device at once, whatever the way in, also under a long and odd id', async (t) => {
  const { client, request } = await startTestNexus(t)
  const ids = ['one', '€'.repeat(128), 'a/b?c#d%2F', '__proto__']
  for (const device_id of ids) {
    await client.telemetry.frames.send({ device_id, metrics: { m: 1 } })
    equal((await client.devices.get({ device_id })).status, 'online')
  }
  const frames = ['x', 'y'].map((device_id) => ({ device_id, metrics: { m: 1 }, tags: { service: 'api' } }))
  await client.telemetry.frames.batch({ frames })
  deepEqual(
    (await client.devices.list({ service: 'api' })).devices.map(({ device_id }) => device_id),
    ['x', 'y'],
  )
  const { headers, status } = await request('/v1/devices/x', { method: 'DELETE' })
  equal(status, 204)
  equal(headers.get('content-type'), null)
})

test('devices outlive a stop with all that is known of them', async (t) => {
  const folder = testFolder(t)
  const first = await startTestNexus(t, { dataDir: folder })
  await first.client.telemetry.frames.send({ device_id: 'a', metrics: { m: 1 }, tags: { site: 'north' } })
  await first.client.devices.put({ device_id: 'a', name: 'Pump', tags: { floor: '2' }, metadata: { n: 1 } })
  await first.client.telemetry.frames.send({ device_id: 'a', metrics: { m: 1 }, tags: { site: 'north' } })
  const device = await first.client.devices.get({ device_id: 'a' })
  await first.stop()
  const again = await startTestNexus(t, { dataDir: folder, adminKey: first.key })
  deepEqual(await again.client.devices.get({ device_id: 'a' }), device)
})
