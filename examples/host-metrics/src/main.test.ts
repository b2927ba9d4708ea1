import { deepEqual, equal, ok } from 'node:assert/strict'
import { hostname } from 'node:os'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startProcess } from '../../../packages/server/src/testing/child-nexus.ts'
import { startTestNexus } from '../../../packages/server/src/testing/nexus.ts'
import { deviceId } from './read-host.ts'

const main = fileURLToPath(new URL('./main.ts', import.meta.url))

test('run against a server, it sends what this machine measures, and a query shows it', async (t) => {
  const nexus = await startTestNexus(t)
  const { key } = await nexus.as({ scopes: ['telemetry:write'] })
  const started = Date.now()
  const args = ['--url', nexus.url, '--count', '3', '--interval', '0.05']
  const run = startProcess(t, main, args, { NEXUS_API_KEY: key })
  deepEqual(await run.ended, { code: 0, signal: null }, run.output())
  equal(run.output().match(/ sent$/gm)?.length, 3, run.output())

  const device_id = deviceId(hostname())
  const range = { device_id, start_time: started, end_time: Date.now() + 1000 }
  const { data } = await nexus.client.telemetry.query(range)
  equal(data.length, 3)
  for (const row of data) {
    for (const metric of ['cpu_usage', 'memory_usage', 'disk_usage']) {
      const value = row[metric] as number
      ok(value >= 0 && value <= 100, `${metric} ${value}`)
    }
    ok((row.load_1m as number) >= 0 && (row.uptime_seconds as number) > 0 && (row.memory_used_bytes as number) > 0)
  }
  const metrics = 'cpu_usage,memory_usage,load_1m'
  const [mean] = (await nexus.client.telemetry.query({ ...range, metrics, aggregation: 'count', tags: 'role:host' }))
    .data
  deepEqual([mean?.cpu_usage, mean?.memory_usage, mean?.load_1m], [3, 3, 3])
})

test('with a key that the server refuses it ends and says so', async (t) => {
  const nexus = await startTestNexus(t)
  const args = ['--url', nexus.url, '--once', '--key', 'nxs_live_wrong']
  const run = startProcess(t, main, args, {})
  equal((await run.ended).code, 1)
  ok(/key/i.test(run.output()), run.output())
})
