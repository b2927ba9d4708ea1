import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { rateDefaults } from '@nexus/contract'
import { json, startTestNexus, type TestNexus } from '../../testing/nexus.ts'
import { RawConnection } from '../../testing/raw-connection.ts'

const app = 'https://app.example.com'
const frame = { device_id: 'd', metrics: { m: 1 } }

function preflight(origin: string, method: string, headers = 'authorization,content-type'): RequestInit {
  return {
    method: 'OPTIONS',
    headers: { origin, 'access-control-request-method': method, 'access-control-request-headers': headers },
  }
}

/** One answer of each kind: from routes, without a key, to no path, to no URL, to a body that is too large. */
async function answersTo(nexus: TestNexus, origin: string): Promise<Response[]> {
  const headers = { origin }
  return Promise.all([
    nexus.request('/v1/telemetry/latest', { headers }),
    nexus.request('/v1/telemetry/frames', json(frame, headers)),
    nexus.request('/v1/telemetry/frames', { ...json(frame, headers), key: null }),
    nexus.request('/v1/nowhere', { headers }),
    nexus.request('/v1/%zz', { headers }),
    nexus.request('/v1/telemetry/frames', { ...json(0, headers), body: `"${'x'.repeat(70_000)}"` }),
    nexus.request('/v1/events/stream?since=yesterday', { headers }),
  ])
}

async function openStream(t: TestContext, nexus: TestNexus, origin: string): Promise<Response> {
  const reading = new AbortController()
  t.after(() => reading.abort())
  const url = `${nexus.url}/v1/events/stream?token=${nexus.key}`
  return fetch(url, { headers: { origin }, signal: reading.signal })
}

test('pages of a permitted origin may read every answer, errors and streams too', async (t) => {
  const nexus = await startTestNexus(t, { corsOrigins: ['http://localhost:5173', app] })
  const answers = await answersTo(nexus, app)
  deepEqual(
    answers.map(({ status }) => status),
    [200, 201, 401, 404, 400, 413, 400],
  )
  for (const { headers, status } of answers) {
    equal(headers.get('access-control-allow-origin'), app, String(status))
    equal(headers.get('vary'), 'Origin', String(status))
    match(headers.get('access-control-expose-headers')!, /Retry-After.*X-Request-Id.*X-RateLimit-Remaining/)
    equal(headers.get('access-control-allow-credentials'), null)
  }
  const { headers } = await openStream(t, nexus, app)
  deepEqual([headers.get('access-control-allow-origin'), headers.get('vary')], [app, 'Origin'])
})

test('a preflight needs no key, permits what clients send, and carries the headers of every answer', async (t) => {
  const nexus = await startTestNexus(t, { corsOrigins: [app], rateLimits: { ...rateDefaults, other: 1 } })
  for (const [path, method] of [
    ['/v1/telemetry/frames', 'POST'],
    ['/v1/auth/keys/key-1', 'PATCH'],
    ['/v1/nowhere', 'GET'],
  ] as const) {
    const answer = await nexus.request(path, { ...preflight(app, method), key: null })
    deepEqual([answer.status, await answer.text()], [204, ''], path)
    const permits = (name: string) => answer.headers.get(`access-control-allow-${name}`)!.toLowerCase().split(', ')
    ok(permits('methods').includes(method.toLowerCase()))
    const sent = ['authorization', 'content-type', 'idempotency-key', 'if-match', 'last-event-id', 'traceparent']
    for (const header of [...sent, 'x-request-id']) ok(permits('headers').includes(header), header)
    equal(answer.headers.get('access-control-allow-origin'), app)
    equal(answer.headers.get('x-content-type-options'), 'nosniff')
    match(answer.headers.get('x-ratelimit-remaining')!, /^\d+$/)
    match(answer.headers.get('x-request-id')!, /^req-/)
  }
})

test('pages of other origins may read nothing, and their preflights are requests like any other', async (t) => {
  const nexus = await startTestNexus(t, { corsOrigins: [app] })
  for (const origin of ['https://evil.example', `${app}.evil.example`, 'http://app.example.com', 'null']) {
    for (const { headers } of await answersTo(nexus, origin)) equal(headers.get('access-control-allow-origin'), null)
    const answer = await nexus.request('/v1/telemetry/frames', preflight(origin, 'POST'))
    deepEqual([answer.status, answer.headers.get('allow')], [405, 'POST'])
    equal((await openStream(t, nexus, origin)).headers.get('access-control-allow-origin'), null)
  }
  const plain = await nexus.request('/v1/telemetry/frames', { method: 'OPTIONS', headers: { origin: app } })
  equal(plain.status, 405)
})

test('unless origins are given, nothing of an answer speaks of them', async (t) => {
  const nexus = await startTestNexus(t)
  for (const { headers } of await answersTo(nexus, app))
    deepEqual([headers.get('access-control-allow-origin'), headers.get('vary')], [null, null])
  equal((await nexus.request('/v1/telemetry/frames', preflight(app, 'POST'))).status, 405)
})

test('with * pages of any origin may read, also those without one', async (t) => {
  const nexus = await startTestNexus(t, { corsOrigins: '*' })
  for (const origin of [app, 'null']) {
    for (const { headers } of await answersTo(nexus, origin)) {
      deepEqual([headers.get('access-control-allow-origin'), headers.get('vary')], ['*', null])
    }
    equal((await nexus.request('/v1/telemetry/frames', preflight(origin, 'POST'))).status, 204)
  }
})

test('a frame from a page leaves the lane of plain frames, also on a connection that was in it', async (t) => {
  const nexus = await startTestNexus(t, { corsOrigins: [app] })
  const connection = await RawConnection.open(nexus.url)
  t.after(() => connection.socket.destroy())
  const body = JSON.stringify(frame)
  const request = (extra: string) =>
    `POST /v1/telemetry/frames HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${nexus.key}\r\n${extra}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  await connection.send(request(''), request(`Origin: ${app}\r\n`))
  const [plain, fromPage] = [await connection.answer(), await connection.answer()]
  deepEqual([plain!.status, plain!.headers['access-control-allow-origin']], [201, undefined])
  deepEqual([fromPage!.status, fromPage!.headers['access-control-allow-origin']], [201, app])
})
