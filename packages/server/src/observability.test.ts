import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { redactUrl } from './observability.ts'
import { spawnNexus } from './testing/child-nexus.ts'
import { json, startTestNexus, testFolder } from './testing/nexus.ts'
import { until } from './testing/until.ts'

const series = {
  nexus_http_requests_total: 'counter',
  nexus_http_request_duration_seconds: 'histogram',
  nexus_query_duration_seconds: 'histogram',
  nexus_drain_duration_seconds: 'histogram',
  nexus_drained_frames_total: 'counter',
  nexus_drain_batch_frames: 'gauge',
  nexus_connections: 'gauge',
  nexus_commands_total: 'counter',
  nexus_command_duration_seconds: 'histogram',
  nexus_runs_total: 'counter',
  nexus_run_dispatch_seconds: 'histogram',
  nexus_run_duration_seconds: 'histogram',
  nexus_devices_receiving: 'gauge',
  nexus_ingest_log_frames: 'gauge',
  nexus_ingest_log_bytes: 'gauge',
  nexus_ingest_log_age_seconds: 'gauge',
  nexus_rollup_dirty_hours: 'gauge',
  nexus_rollup_memory_bytes: 'gauge',
  nexus_rollup_memory_complete: 'gauge',
}

/** The value of a series, by its name and labels as they are written. */
function sampleOf(text: string, name: string): number | undefined {
  const line = text.split('\n').find((each) => each.startsWith(`${name} `))
  return line === undefined ? undefined : Number(line.slice(name.length + 1))
}

test('/metrics shows every series of the server with its type and a help text, and those of the process', async (t) => {
  const nexus = await startTestNexus(t)
  const answer = await nexus.request('/metrics', { key: null })
  match(answer.headers.get('content-type')!, /^text\/plain; version=0\.0\.4/)
  const text = await answer.text()
  const own = [...text.matchAll(/^# TYPE (nexus_\w+) (\w+)$/gm)].map(([, name, type]) => [name!, type!])
  deepEqual(Object.fromEntries(own), series)
  for (const name of Object.keys(series)) match(text, new RegExp(`^# HELP ${name} \\S.+$`, 'm'))
  for (const name of ['process_cpu_seconds_total', 'process_resident_memory_bytes', 'nodejs_eventloop_lag_seconds'])
    ok(text.includes(`# TYPE ${name} `), name)
})

test('/metrics counts requests by operation and status, drained frames, queries and dirty hours', async (t) => {
  const nexus = await startTestNexus(t)
  const frames = [1, 2, 3].map((m) => ({ device_id: 'd', timestamp: 1762134000 + m, metrics: { m } }))
  await nexus.client.telemetry.frames.batch({ frames })
  await nexus.request('/v1/telemetry/frames', json({ bad: true }))
  await nexus.request('/v1/nowhere')
  await nexus.client.telemetry.query({ start_time: 1762134000, end_time: 1762135000 })
  const text = await until('the query is counted', async () => {
    const text = await (await nexus.request('/metrics')).text()
    return sampleOf(text, 'nexus_http_requests_total{operation="telemetry.query",code="200"}') === 1 && text
  })
  equal(sampleOf(text, 'nexus_http_requests_total{operation="telemetry.frames.batch",code="201"}'), 1)
  equal(sampleOf(text, 'nexus_http_requests_total{operation="telemetry.frames.send",code="400"}'), 1)
  equal(sampleOf(text, 'nexus_http_requests_total{operation="none",code="404"}'), 1)
  equal(sampleOf(text, 'nexus_http_request_duration_seconds_count{operation="telemetry.query"}'), 1)
  equal(sampleOf(text, 'nexus_drained_frames_total'), 3)
  equal(sampleOf(text, 'nexus_ingest_log_frames'), 0)
  equal(sampleOf(text, 'nexus_ingest_log_age_seconds'), 0)
  equal(sampleOf(text, 'nexus_rollup_dirty_hours'), 1)
  ok(sampleOf(text, 'nexus_query_duration_seconds_count')! >= 1)
})

test('labels of /metrics hold nothing that a client chose', async (t) => {
  const nexus = await startTestNexus(t)
  for (const path of ['/v1/secret-path', '/v1/auth/keys/secret-id', '/v1/telemetry/latest?device_id=secret-device'])
    await nexus.request(path)
  ok(!(await (await nexus.request('/metrics')).text()).includes('secret'))
})

test('an API key never shows in the logs, at any level, wherever the client put it', async (t) => {
  const folder = testFolder(t)
  const nexus = await spawnNexus(t, { NEXUS_DATA_DIR: folder, NEXUS_LOG_LEVEL: 'trace' })
  const admin = readFileSync(join(folder, 'admin.key'), 'utf8').trim()
  const shown = nexus.output()
  equal(shown.split(admin).length, 2, 'it is shown once, at the first start')
  const headers = { authorization: `Bearer ${admin}`, 'content-type': 'application/json' }
  const body = JSON.stringify({ name: 'made', scopes: ['admin'] })
  const made = await fetch(`${nexus.url}/v1/auth/keys`, { method: 'POST', headers, body })
  const { key, key_id } = (await made.json()) as { key: string; key_id: string }
  const secret = key.split('_')[3]!
  const attempts: [path: string, init: RequestInit][] = [
    ['/v1/telemetry/latest', { headers: { authorization: `Bearer ${key}` } }],
    ['/v1/telemetry/latest', { headers: { authorization: `Basic ${key}` } }],
    ['/v1/telemetry/latest', { headers: { authorization: key } }],
    [`/v1/telemetry/latest?token=${key}`, {}],
    [`/v1/events?token=${key}&access_token=${key}&api_key=${key}&key=${key}`, { headers }],
    [`/v1/${key}`, { headers }],
    [`/v1/telemetry/frames?token=${key}`, { method: 'POST', headers, body: `{"device_id":"${key}` }],
    ['/v1/telemetry/frames', { method: 'POST', headers: { ...headers, 'idempotency-key': key }, body: '{}' }],
    ['/v1/telemetry/frames', { method: 'POST', headers, body: JSON.stringify({ key, token: key }) }],
    [`/v1/auth/keys/${key_id}/rotate`, { method: 'POST', headers, body: '{}' }],
    [`/v1/auth/keys/${key_id}`, { method: 'DELETE', headers }],
    ['/v1/telemetry/latest', { headers: { authorization: `Bearer ${key}` } }],
    [`/v1/%zz?token=${key}`, { headers }],
  ]
  for (const [path, init] of attempts) await (await fetch(nexus.url + path, init)).text()
  nexus.process.kill('SIGTERM')
  await nexus.ended
  const logged = nexus.output().slice(shown.length)
  ok(logged.includes('Nexus has stopped'), logged)
  for (const part of [admin, admin.split('_')[3]!, key, secret, secret.slice(0, 12)])
    ok(!logged.includes(part), `a key is in the log: ${logged}`)
})

test('a URL is logged without the token that it carries', () => {
  for (const name of ['token', 'key', 'api_key', 'access_token', 'TOKEN'])
    equal(redactUrl(`/v1/x?a=1&${name}=nxs_live_a&b=2#c`), `/v1/x?a=1&${name}=[redacted]&b=2#c`)
  equal(redactUrl('/v1/x?token=a&token=b'), '/v1/x?token=[redacted]&token=[redacted]')
  equal(redactUrl('/v1/x?tokens=a'), '/v1/x?tokens=a')
})

test('/metrics counts commands by category and what became of them', async (t) => {
  const nexus = await startTestNexus(t)
  const { command_id } = await nexus.client.commands.execute({ command: 'logs', target: { device_id: 'd' } })
  await nexus.client.commands.cancel({ command_id })
  const text = await (await nexus.request('/metrics')).text()
  equal(sampleOf(text, 'nexus_commands_total{category="diagnostic",event="submitted"}'), 1)
  equal(sampleOf(text, 'nexus_commands_total{category="diagnostic",event="cancelled"}'), 1)
  equal(sampleOf(text, 'nexus_command_duration_seconds_count{category="diagnostic"}'), 1)
  equal(sampleOf(text, 'nexus_devices_receiving'), 0)
})
