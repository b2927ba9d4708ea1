import { deepEqual, equal, match, notEqual, ok, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import { operations } from '@nexus/contract'
import { createClient } from './client.ts'
import { NexusError } from './nexus-error.ts'
import { startStub } from './testing/stub-server.ts'

const receipt = { success: true, frame_id: 'frame-1', received_at: '2025-11-03T01:53:54.520Z' }
const frame = { device_id: 'device-1', metrics: { cpu_usage: 45.2 } }
const unavailable = { status: 503, body: envelope('SERVICE_UNAVAILABLE') }

function envelope(code: string, details: object = {}) {
  return { error: { code, message: 'told so', details, request_id: 'req-1', timestamp: '2025-11-03T01:53:54.600Z' } }
}

function patient() {
  const waits: number[] = []
  const sleep = async (ms: number) => void waits.push(ms)
  return { waits, retry: { sleep, random: () => 0 } }
}

test('every operation of the contract is a method under its id', () => {
  const client = createClient({ url: 'http://127.0.0.1', apiKey: 'k' })
  for (const id of Object.keys(operations)) {
    const found = id.split('.').reduce<unknown>((at, name) => (at as Record<string, unknown>)[name], client)
    equal(typeof found, 'function', id)
  }
})

test('a POST carries the key, the JSON and an idempotency key', async (t) => {
  const { url, seen } = await startStub(t, { status: 201, body: receipt })
  const client = createClient({ url, apiKey: 'nxs_1' })
  deepEqual(await client.telemetry.frames.send(frame), receipt)
  equal(`${seen[0]!.method} ${seen[0]!.url}`, 'POST /v1/telemetry/frames')
  equal(seen[0]!.headers.authorization, 'Bearer nxs_1')
  deepEqual(JSON.parse(seen[0]!.body), frame)
  match(String(seen[0]!.headers['idempotency-key']), /^[0-9a-f]{32}$/)
})

test('two calls never share an idempotency key', async (t) => {
  const { url, seen } = await startStub(t, { status: 201, body: receipt })
  const client = createClient({ url, apiKey: 'k' })
  await client.telemetry.frames.send(frame)
  await client.telemetry.frames.send(frame)
  notEqual(seen[0]!.headers['idempotency-key'], seen[1]!.headers['idempotency-key'])
})

test('an answer without a body is null, and the specification’s base URL works as it is', async (t) => {
  const { url, seen } = await startStub(t, { status: 204 })
  equal(await createClient({ url: `${url}/v1/`, apiKey: 'k' }).auth.keys.revoke({ key_id: 'a/b' }), null)
  equal(`${seen[0]!.method} ${seen[0]!.url}`, 'DELETE /v1/auth/keys/a%2Fb')
})

test('a partly accepted batch is a success', async (t) => {
  const body = { accepted: 1, rejected: 1, results: [] }
  const { url } = await startStub(t, { status: 207, body })
  deepEqual(await createClient({ url, apiKey: 'k' }).telemetry.frames.batch({ frames: [frame, frame] }), body)
})

test('a batch of which nothing was accepted throws with its results', async (t) => {
  const results = [{ index: 0, error: { code: 'INVALID_REQUEST', field: 'metrics', issue: 'is missing' } }]
  const { url, seen } = await startStub(t, { status: 400, body: { accepted: 0, rejected: 1, results } })
  await rejects(createClient({ url, apiKey: 'k' }).telemetry.frames.batch({ frames: [frame] }), (error: unknown) => {
    ok(error instanceof NexusError)
    equal(error.code, 'INVALID_REQUEST')
    deepEqual(error.details.results, results)
    return true
  })
  equal(seen.length, 1)
})

test('a transient failure is repeated after 1, 2 and 4 seconds under one idempotency key, then thrown', async (t) => {
  const { url, seen } = await startStub(t, unavailable)
  const { waits, retry } = patient()
  const client = createClient({ url, apiKey: 'k', retry })
  await rejects(client.telemetry.frames.send(frame), { code: 'SERVICE_UNAVAILABLE', status: 503, requestId: 'req-1' })
  deepEqual(waits, [1000, 2000, 4000])
  equal(new Set(seen.map((one) => one.headers['idempotency-key'])).size, 1)
})

test('a call succeeds when the server comes back, also after a broken connection', async (t) => {
  const { url } = await startStub(t, 'hangUp', unavailable, { body: { policies: [] } })
  const { waits, retry } = patient()
  deepEqual(await createClient({ url, apiKey: 'k', retry }).telemetry.retention.get(), { policies: [] })
  equal(waits.length, 2)
})

test('a rate limit is waited out for as long as the server asks', async (t) => {
  const limited = { status: 429, headers: { 'retry-after': '7' }, body: envelope('RATE_LIMIT_EXCEEDED') }
  const { url } = await startStub(t, limited, { status: 201, body: receipt })
  const { waits, retry } = patient()
  deepEqual(await createClient({ url, apiKey: 'k', retry }).telemetry.frames.send(frame), receipt)
  deepEqual(waits, [7000])
})

test('what is not safe to repeat is tried once', async (t) => {
  const { url, seen } = await startStub(t, unavailable)
  const { retry } = patient()
  await rejects(createClient({ url, apiKey: 'k', retry }).auth.keys.update({ key_id: 'key-1', name: 'b' }))
  equal(seen.length, 1)
})

test('a refusal is not repeated and keeps its code and details', async (t) => {
  const body = envelope('INVALID_REQUEST', { field: 'timestamp', issue: 'Invalid ISO 8601 format' })
  const { url, seen } = await startStub(t, { status: 400, body })
  await rejects(createClient({ url, apiKey: 'k' }).telemetry.frames.send(frame), {
    code: 'INVALID_REQUEST',
    message: 'told so',
    details: { field: 'timestamp', issue: 'Invalid ISO 8601 format' },
  })
  equal(seen.length, 1)
})

test('no answer in time is TIMEOUT, no server is SERVICE_UNAVAILABLE, both with status 0', async () => {
  const never = (_: unknown, init?: RequestInit) =>
    new Promise<Response>((_, reject) => init?.signal?.addEventListener('abort', () => reject(init.signal?.reason)))
  const slow = createClient({ url: 'http://x', apiKey: 'k', fetch: never as typeof fetch, retry: false, timeoutMs: 1 })
  // `AbortSignal.timeout` alone does not keep the process alive.
  const alive = setInterval(() => {}, 1000)
  await rejects(slow.telemetry.metrics(), { code: 'TIMEOUT', status: 0 }).finally(() => clearInterval(alive))
  const refused = async () => Promise.reject(new TypeError('fetch failed'))
  const away = createClient({ url: 'http://x', apiKey: 'k', fetch: refused, retry: false })
  await rejects(away.telemetry.metrics(), { code: 'SERVICE_UNAVAILABLE', status: 0 })
})

test('a call that asks the server to wait is waited for by so much longer', async (t) => {
  // Node's types do not know this one.
  t.mock.timers.enable({ apis: ['AbortSignal.timeout' as 'setTimeout'] })
  const never = (_: unknown, init?: RequestInit) =>
    new Promise<Response>((_, reject) => init?.signal?.addEventListener('abort', () => reject(init.signal?.reason)))
  const client = createClient({ url: 'http://x', apiKey: 'k', fetch: never as typeof fetch, retry: false })
  const command = { command: 'x', target: { device_id: 'd' } }
  const calls: [call: () => Promise<unknown>, afterMs: number][] = [
    [() => client.commands.execute({ ...command }), 30_000],
    [() => client.commands.execute({ ...command, async: false }), 60_000],
    [() => client.commands.execute({ ...command, async: false, wait_seconds: 120 }), 150_000],
    [() => client.commands.execute({ ...command, async: false, wait_seconds: 120 }, { timeoutMs: 5000 }), 125_000],
    [() => client.commands.lease({ device_id: 'd', wait_seconds: 25 }), 55_000],
  ]
  for (const [call, afterMs] of calls) {
    const failures: NexusError[] = []
    const done = call().catch((cause) => failures.push(cause))
    t.mock.timers.tick(afterMs - 1)
    await new Promise(setImmediate)
    equal(failures.length, 0)
    t.mock.timers.tick(1)
    await done
    equal(failures[0]?.details.reason, 'client_timeout')
  }
})

test('an error without an answer says where it was asked for, and why none came', async (t) => {
  const { url } = await startStub(t, 'hangUp')
  const client = createClient({ url, apiKey: 'k', retry: false })
  await rejects(client.telemetry.metrics(), { message: `no answer from ${url}: other side closed` })
})

test('fetch is called on its own, as browsers demand', async () => {
  async function strictFetch(this: unknown) {
    equal(this, undefined)
    return new Response('{"tags":[],"next_cursor":null}')
  }
  const client = createClient({ url: 'http://x', apiKey: 'k', fetch: strictFetch, retry: false })
  deepEqual(await client.telemetry.tags(), { tags: [], next_cursor: null })
})

test('an abort ends a call that waits for its next try, with the reason of the signal', async (t) => {
  const { url, seen } = await startStub(t, unavailable)
  const abort = new AbortController()
  const reason = new Error('enough')
  const random = () => {
    abort.abort(reason)
    return 0
  }
  const client = createClient({ url, apiKey: 'k', retry: { random } })
  await rejects(client.telemetry.tags({}, { signal: abort.signal }), reason)
  equal(seen.length, 1)
})
