import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startProcess } from '../../../packages/server/src/testing/child-nexus.ts'
import { startTestNexus, type TestNexus, testFolder } from '../../../packages/server/src/testing/nexus.ts'
import { until } from '../../../packages/server/src/testing/until.ts'

const main = fileURLToPath(new URL('./main.ts', import.meta.url))

/** The device as a process, with a service that says its process id, and that a SIGTERM ends unless it is `stubborn`. */
async function startDevice(t: TestContext, nexus: TestNexus, { stubborn = false } = {}) {
  const folder = testFolder(t)
  const service = join(folder, 'service.mjs')
  const onTerm = stubborn ? "process.on('SIGTERM', () => console.log('not now'))" : ''
  writeFileSync(service, `console.log('up', process.pid); setInterval(() => {}, 1000); ${onTerm}`)
  const args = ['--url', nexus.url, '--device-id', 'd1', '--service', 'api', '--interval', '0.2', '--folder', folder]
  const run = startProcess(t, main, [...args, '--', process.execPath, service], { NEXUS_DATA_DIR: nexus.folder })
  await run.wrote(/executes commands/)
  const call = async (command: string, parameters: Record<string, unknown> = {}, target = {}) => {
    await until('it is online', async () => {
      const { devices } = await nexus.client.devices.list({ status: 'online' })
      return devices.length > 0
    })
    const answer = await nexus.client.commands.execute({
      ...{ command, parameters, async: false, wait_seconds: 30, delivery: { mode: 'queue' } },
      target: { device_id: 'd1', ...target },
    })
    return { ...answer, result: answer.result as Record<string, unknown> | undefined }
  }
  return { folder, run, call }
}

test('it reports its host, tells how its service is and what it wrote, and restarts it', async (t) => {
  const nexus = await startTestNexus(t)
  const { folder, run, call } = await startDevice(t, nexus)
  const before = (await call('health_check')).result!
  deepEqual([before.healthy, before.service, before.restarts], [true, 'api', 0])
  await until('metrics', async () => {
    const { metrics } = (await call('health_check')).result as { metrics: Record<string, number> }
    return metrics.cpu_usage !== undefined
  })
  const logs = (await call('logs', { lines: 10 })).result as { lines: string[] }
  deepEqual(logs.lines, [`up ${before.pid}`])

  const { command_id, status, result } = await call(
    'restart_service',
    { graceful: true, timeout_seconds: 30 },
    { service: 'api' },
  )
  equal(status, 'completed', run.output())
  deepEqual([result!.message, result!.previous_pid, result!.killed], ['Service restarted', before.pid, false])
  equal((await nexus.client.commands.get({ command_id })).progress?.percent, 100)
  const { lines } = await nexus.client.commands.logs.list({ command_id })
  match(lines[0]!.message, /has ended/)
  const after = (await call('health_check')).result!
  deepEqual([after.healthy, after.pid], [true, result!.pid])
  ok(after.pid !== before.pid)

  const bySelector = await nexus.client.commands.execute({ command: 'health_check', target: { service: 'api' } })
  equal(bySelector.target_count, 1)
  run.process.kill('SIGTERM')
  deepEqual(await run.ended, { code: 0, signal: null }, run.output())
  ok(existsSync(join(folder, 'journal.ndjson')))
})

test('its key, made for it, speaks for it alone', async (t) => {
  const nexus = await startTestNexus(t)
  const { folder } = await startDevice(t, nexus)
  const key = readFileSync(join(folder, 'device.key'), 'utf8').trim()
  const { keys } = await nexus.client.auth.keys.list({})
  const made = keys.find(({ prefix }) => key.startsWith(prefix))!
  deepEqual([made.scopes, made.device_id], [['telemetry:write'], 'd1'])
})

test('a service that ignores being asked is killed when the time is over; another service is not restarted', async (t) => {
  const nexus = await startTestNexus(t)
  const { call } = await startDevice(t, nexus, { stubborn: true })
  const { status, result } = await call('restart_service', { timeout_seconds: 5 })
  deepEqual([status, result!.killed], ['completed', true])
  const other = await call('restart_service', {}, { service: 'web' })
  deepEqual([other.status, other.error?.code], ['failed', 'unknown_service'])
  const unknown = await call('make_coffee')
  deepEqual([unknown.status, unknown.error?.code], ['failed', 'rejected'])
})
