import { deepEqual, equal, ok } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type ChildNexus, spawnNexus } from './testing/child-nexus.ts'
import { assertKept, emptyLedger, startLoad } from './testing/load.ts'
import { testFolder } from './testing/nexus.ts'
import { until } from './testing/until.ts'

const withinMs = 10_000
const cleanEnd = { code: 0, signal: null }

async function start(t: TestContext, folder: string): Promise<ChildNexus & { key: string }> {
  // A grace that is never used up: what ends in time ends because nothing is left to wait for.
  const env = { NEXUS_DATA_DIR: folder, NEXUS_QUERY_CONCURRENCY: '2', NEXUS_STOP_SECONDS: '600' }
  const nexus = await spawnNexus(t, env)
  return { ...nexus, key: readFileSync(join(folder, 'admin.key'), 'utf8').trim() }
}

function endOf({ process, ended }: ChildNexus) {
  return until('the server ends', async () => process.exitCode !== null && ended, withinMs)
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal} under load ends the server within ten seconds, and loses nothing that was acknowledged`, async (t) => {
    const folder = testFolder(t)
    const nexus = await start(t, folder)
    const ledger = emptyLedger()
    const load = startLoad(nexus.url, nexus.key, ledger)
    await load.acknowledged(500)
    nexus.process.kill(signal)
    deepEqual(await endOf(nexus), cleanEnd)
    await load.ended
    const again = await start(t, folder)
    await assertKept(again.url, again.key, ledger)
  })
}

test('frames that were answered from memory survive a graceful stop', async (t) => {
  const folder = testFolder(t)
  const nexus = await start(t, folder)
  const body = JSON.stringify({ device_id: 'd', timestamp: 1762134000, metrics: { m: 7 } })
  const headers = { authorization: `Bearer ${nexus.key}`, 'content-type': 'application/json' }
  const sent = await fetch(`${nexus.url}/v1/telemetry/frames?ack=memory`, { method: 'POST', body, headers })
  equal(sent.status, 201)
  nexus.process.kill('SIGTERM')
  deepEqual(await endOf(nexus), cleanEnd)
  const again = await start(t, folder)
  const latest = await fetch(`${again.url}/v1/telemetry/latest`, { headers })
  const { devices } = (await latest.json()) as { devices: { metrics: { m: { value: number } } }[] }
  equal(devices[0]?.metrics.m.value, 7)
})

test('a query under way when the server is told to stop is answered', async (t) => {
  const nexus = await start(t, testFolder(t))
  const ledger = emptyLedger()
  const load = startLoad(nexus.url, nexus.key, ledger)
  await load.acknowledged(3000)
  load.end()
  await load.ended
  const query =
    'start_time=2025-11-03T00:00:00Z&end_time=2025-11-04T00:00:00Z&aggregation=p99&interval=10s&metrics=value'
  const asking = Array.from({ length: 8 }, async () => {
    const headers = { authorization: `Bearer ${nexus.key}` }
    const answer = await fetch(`${nexus.url}/v1/telemetry/query?${query}&group_by=device_id`, { headers })
    return { status: answer.status, body: (await answer.json()) as { total_points: number } }
  })
  // The first answer tells that the server has the rest in hand.
  await Promise.race(asking)
  nexus.process.kill('SIGTERM')
  for (const { status, body } of await Promise.all(asking)) {
    equal(status, 200)
    ok(body.total_points > 0)
  }
  deepEqual(await endOf(nexus), cleanEnd)
})

test('who waits for the end of a command when the server is told to stop is told how it stands', async (t) => {
  const nexus = await start(t, testFolder(t))
  const headers = { authorization: `Bearer ${nexus.key}`, 'content-type': 'application/json' }
  const body = JSON.stringify({
    ...{ command: 'x', target: { device_id: 'd' }, delivery: { mode: 'queue' } },
    ...{ async: false, wait_seconds: 100 },
  })
  const waiting = fetch(`${nexus.url}/v1/commands/execute`, { method: 'POST', body, headers })
  await until('the command is there', async () => {
    const { commands } = (await (await fetch(`${nexus.url}/v1/commands`, { headers })).json()) as { commands: object[] }
    return commands.length === 1
  })
  nexus.process.kill('SIGTERM')
  const answer = await waiting
  const { status, command_id } = (await answer.json()) as { status: string; command_id: string }
  deepEqual([answer.status, status, answer.headers.get('location')], [202, 'pending', `/v1/commands/${command_id}`])
  deepEqual(await endOf(nexus), cleanEnd)
})

test('told to stop again and again, the server stops once, and well', async (t) => {
  const folder = testFolder(t)
  const nexus = await start(t, folder)
  const ledger = emptyLedger()
  const load = startLoad(nexus.url, nexus.key, ledger)
  await load.acknowledged(200)
  for (const signal of ['SIGTERM', 'SIGTERM', 'SIGINT', 'SIGTERM'] as const) nexus.process.kill(signal)
  await load.ended
  nexus.process.kill('SIGTERM')
  deepEqual(await endOf(nexus), cleanEnd)
  equal(nexus.output().includes('Error'), false, nexus.output())
  const again = await start(t, folder)
  await assertKept(again.url, again.key, ledger)
})
