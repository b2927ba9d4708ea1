import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { json, startTestNexus } from '../../testing/nexus.ts'

const frame = {
  device_id: 'device-12345',
  timestamp: '2025-11-03T01:53:54.518Z',
  metrics: { cpu_usage: 45.2, memory_usage: 62.8, disk_usage: 78.5, network_latency_ms: 12.3 },
  tags: { environment: 'production', region: 'us-west-2', service: 'api-gateway' },
  metadata: { version: '1.2.3', build: 'abc123' },
}

const security = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'x-xss-protection': '1; mode=block',
  'strict-transport-security': 'max-age=31536000; includeSubDomains',
  'content-security-policy': "default-src 'self'",
}

function headersOf(response: Response): Record<string, string> {
  return Object.fromEntries(response.headers)
}

test('the frame of the specification is accepted word for word, and its query answers in the specified shape', async (t) => {
  const nexus = await startTestNexus(t)
  const sent = await nexus.request('/v1/telemetry/frames', json(frame))
  equal(sent.status, 201)
  const receipt = (await sent.json()) as Record<string, string>
  deepEqual(Object.keys(receipt), ['success', 'frame_id', 'received_at'])
  match(receipt.received_at!, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)

  const answer = await nexus.request(
    '/v1/telemetry/query?device_id=device-12345&start_time=2025-11-03T00:00:00Z&end_time=2025-11-03T02:00:00Z&metrics=cpu_usage,memory_usage&aggregation=avg&interval=5m',
  )
  deepEqual(await answer.json(), {
    query: {
      device_id: 'device-12345',
      start_time: '2025-11-03T00:00:00Z',
      end_time: '2025-11-03T02:00:00Z',
      metrics: ['cpu_usage', 'memory_usage'],
      aggregation: 'avg',
      interval: '5m',
    },
    data: [{ timestamp: '2025-11-03T01:50:00Z', cpu_usage: 45.2, memory_usage: 62.8 }],
    total_points: 1,
  })
})

test('every answer carries the security headers, the rate limit and the request id, errors and unknown paths too', async (t) => {
  const nexus = await startTestNexus(t)
  const answers = await Promise.all([
    nexus.request('/v1/telemetry/frames', json(frame)),
    nexus.request('/v1/telemetry/frames', { ...json({}), key: null }),
    nexus.request('/v1/telemetry/frames', {
      method: 'POST',
      body: '{',
      headers: { 'content-type': 'application/json' },
    }),
    nexus.request('/v1/nowhere'),
    nexus.request('/v1/auth/keys', { method: 'PUT' }),
    nexus.request('/healthz', { key: null }),
    nexus.request('/metrics', { key: null }),
    nexus.request('/openapi.json', { key: null }),
    nexus.request('/v1/%zz'),
  ])
  deepEqual(
    answers.map(({ status }) => status),
    [201, 401, 400, 404, 405, 200, 200, 200, 400],
  )
  for (const answer of answers) {
    const headers = headersOf(answer)
    for (const [name, value] of Object.entries(security)) equal(headers[name], value, `${name} of ${answer.url}`)
    for (const name of ['limit', 'remaining', 'reset'])
      match(headers[`x-ratelimit-${name}`] ?? '', /^\d+$/, `${name} of ${answer.url}`)
    ok(headers['x-request-id'], answer.url)
  }
})

test('a request id of the client is echoed, in the header and in the envelope; a strange one is replaced', async (t) => {
  const nexus = await startTestNexus(t)
  const known = await nexus.request('/v1/nowhere', { headers: { 'x-request-id': 'my-1' } })
  equal(known.headers.get('x-request-id'), 'my-1')
  equal(((await known.json()) as { error: { request_id: string } }).error.request_id, 'my-1')
  const strange = await nexus.request('/v1/nowhere', { headers: { 'x-request-id': 'a b"<script>' } })
  match(strange.headers.get('x-request-id')!, /^req-/)
})

test('an invalid frame is INVALID_REQUEST and names the field and the issue', async (t) => {
  const nexus = await startTestNexus(t)
  const cases: [unknown, string][] = [
    [{ ...frame, timestamp: 'yesterday' }, 'timestamp'],
    [{ ...frame, timestamp: '2025-02-30T00:00:00Z' }, 'timestamp'],
    [{ ...frame, timestamp: Date.now() + 3_600_000 }, 'timestamp'],
    [{ ...frame, device_id: undefined }, 'device_id'],
    [{ ...frame, device_id: 'a b' }, 'device_id'],
    [{ ...frame, device_id: 'x'.repeat(129) }, 'device_id'],
    [{ ...frame, metrics: {} }, 'metrics'],
    [{ ...frame, metrics: { 'bad name': 1 } }, 'metrics.bad name'],
    [{ ...frame, metrics: { a: null } }, 'metrics.a'],
    [{ ...frame, metrics: { a: 2 ** 60 } }, 'metrics.a'],
    [{ ...frame, metrics: { o: { deep: { x: 'y'.repeat(9000) } } } }, 'metrics.o.deep.x'],
    [{ ...frame, metrics: Object.fromEntries(Array.from({ length: 257 }, (_, i) => [`m${i}`, i])) }, 'metrics'],
    [{ ...frame, tags: { region: 1 } }, 'tags.region'],
    [{ ...frame, tags: Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`t${i}`, 'v'])) }, 'tags'],
    [{ ...frame, tag: {} }, 'tag'],
    [[], 'body'],
  ]
  for (const [body, field] of cases) {
    const answer = await nexus.request('/v1/telemetry/frames', json(body))
    const { error } = (await answer.json()) as { error: { code: string; details: { field: string; issue: string } } }
    deepEqual(
      [answer.status, error.code, error.details.field],
      [400, 'INVALID_REQUEST', field],
      JSON.stringify(body).slice(0, 200),
    )
    ok(error.details.issue)
  }
  const deep = await nexus.request('/v1/telemetry/frames', {
    ...json(0),
    body: `{"device_id":"d","metrics":{"m":${'['.repeat(5000)}${']'.repeat(5000)}}}`,
  })
  equal(deep.status, 400)
})

test('a number that no double holds, NaN and Infinity are refused by name', async (t) => {
  const nexus = await startTestNexus(t)
  for (const literal of ['NaN', '-Infinity', '1e999']) {
    const answer = await nexus.request('/v1/telemetry/frames', {
      ...json(0),
      body: `{"device_id":"d","metrics":{"m":${literal}}}`,
    })
    equal(answer.status, 400)
    match(((await answer.json()) as { error: { details: { issue: string } } }).error.details.issue, /NaN and Infinity/)
  }
})

test('a batch accepts what is good and names what is not: 201, 207, 400', async (t) => {
  const nexus = await startTestNexus(t)
  const good = { device_id: 'd1', metrics: { m: 1 } }
  const bad = { device_id: 'd1', metrics: {} }
  const post = (frames: unknown[]) => nexus.request('/v1/telemetry/frames/batch', json({ frames }))
  const all = await post([good, good])
  equal(all.status, 201)
  const mixed = await post([good, bad])
  equal(mixed.status, 207)
  const body = (await mixed.json()) as { accepted: number; rejected: number; results: unknown[] }
  deepEqual([body.accepted, body.rejected], [1, 1])
  deepEqual(body.results[1], {
    index: 1,
    error: { code: 'INVALID_REQUEST', field: 'metrics', issue: 'must hold at least one metric' },
  })
  const none = await post(Array(150).fill(bad))
  equal(none.status, 400)
  const refused = (await none.json()) as { error: { code: string }; rejected: number; results: unknown[] }
  deepEqual([refused.error.code, refused.rejected, refused.results.length], ['INVALID_REQUEST', 150, 100])
})

test('a batch comes as an object, an array or NDJSON, plain or compressed', async (t) => {
  const nexus = await startTestNexus(t)
  const lines = Array.from({ length: 3 }, (_, i) =>
    JSON.stringify({ device_id: `d${i}`, timestamp: 1762134834518, metrics: { m: i } }),
  )
  const ndjson = `${lines.join('\n')}\n\n`
  const headers = { 'content-type': 'application/x-ndjson' }
  const bodies: [string | Buffer, Record<string, string>][] = [
    [ndjson, headers],
    [`[${lines.join(',')}]`, { 'content-type': 'application/json' }],
    [gzipSync(ndjson), { ...headers, 'content-encoding': 'gzip' }],
    [zstdCompressSync(ndjson), { ...headers, 'content-encoding': 'zstd' }],
  ]
  for (const [body, sent] of bodies) {
    const answer = await nexus.request('/v1/telemetry/frames/batch', { method: 'POST', body, headers: sent })
    equal(answer.status, 201, JSON.stringify(sent))
  }
  const { data } = await nexus.client.telemetry.query({ start_time: 1762134834, end_time: 1762134835 })
  deepEqual(
    data.map((row) => row.m),
    [0, 1, 2],
  )
})

test('bodies that are too large, a decompression bomb, a wrong type or encoding are refused within bounds', async (t) => {
  const nexus = await startTestNexus(t)
  const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024, 0x20))
  const path = '/v1/telemetry/frames/batch'
  const cases: [string, RequestInit, number][] = [
    ['/v1/telemetry/frames', json({ pad: 'x'.repeat(70_000) }), 413],
    [
      '/v1/telemetry/frames',
      {
        ...json(0),
        body: gzipSync(Buffer.alloc(1 << 20, 0x20)),
        headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' },
      },
      413,
    ],
    [
      path,
      { method: 'POST', body: bomb, headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' } },
      413,
    ],
    [
      path,
      { method: 'POST', body: Buffer.alloc(17 << 20, 0x20), headers: { 'content-type': 'application/json' } },
      413,
    ],
    [
      path,
      { method: 'POST', body: 'not gzip', headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' } },
      400,
    ],
    [
      path,
      { method: 'POST', body: '[]', headers: { 'content-type': 'application/json', 'content-encoding': 'br' } },
      415,
    ],
    [path, { method: 'POST', body: '<a/>', headers: { 'content-type': 'text/xml' } }, 415],
    [
      '/v1/auth/keys',
      { method: 'POST', body: 'a=b', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
      415,
    ],
    ['/v1/auth/keys', json(JSON.parse(`${'{"a":'.repeat(100)}1${'}'.repeat(100)}`)), 400],
    [path, json({ frames: Array(10_001).fill({}) }), 400],
    ['/v1/auth/keys', { headers: { accept: 'text/html' } }, 406],
  ]
  for (const [at, init, status] of cases) {
    const answer = await nexus.request(at, init)
    equal(answer.status, status, `${at} ${JSON.stringify(init.headers)}`)
    equal(((await answer.json()) as { error: { code: string } }).error.code, 'INVALID_REQUEST')
  }
})

test('a repeated frame id or idempotency key is answered as the first time; another body under it is a conflict', async (t) => {
  const nexus = await startTestNexus(t)
  const named = json({ ...frame, frame_id: 'my-frame' })
  const first = (await (await nexus.request('/v1/telemetry/frames', named)).json()) as Record<string, unknown>
  equal(first.frame_id, 'my-frame')
  const again = await nexus.request('/v1/telemetry/frames', named)
  deepEqual([again.status, await again.json()], [201, { ...first, duplicate: true }])

  const keyed = (body: unknown) => nexus.request('/v1/telemetry/frames', json(body, { 'idempotency-key': 'k1' }))
  const one = (await (await keyed(frame)).json()) as Record<string, unknown>
  const two = await keyed(frame)
  deepEqual(
    [two.status, two.headers.get('idempotent-replayed'), await two.json()],
    [201, 'true', { ...one, duplicate: true }],
  )
  equal((await keyed({ ...frame, metrics: { other: 1 } })).status, 409)
  const renamed = json({ ...frame, frame_id: 'my-frame' }, { 'idempotency-key': 'k3' })
  equal((await nexus.request('/v1/telemetry/frames', renamed)).headers.get('idempotent-replayed'), null)

  const batch = () => nexus.request('/v1/telemetry/frames/batch', json([frame], { 'idempotency-key': 'k4' }))
  const [all, allAgain] = [await batch(), await batch()]
  deepEqual([all.headers.get('idempotent-replayed'), allAgain.headers.get('idempotent-replayed')], [null, 'true'])
  deepEqual(await allAgain.json(), await all.json())

  const create = (body: unknown) => nexus.request('/v1/auth/keys', json(body, { 'idempotency-key': 'k2' }))
  const made = await (await create({ name: 'a', scopes: ['task:read'] })).json()
  const replayed = await create({ name: 'a', scopes: ['task:read'] })
  deepEqual([replayed.status, replayed.headers.get('idempotent-replayed'), await replayed.json()], [201, 'true', made])
  equal((await create({ name: 'b', scopes: ['task:read'] })).status, 409)
})

test('ack=memory is understood in the query and beside the frame', async (t) => {
  const nexus = await startTestNexus(t)
  equal((await nexus.request('/v1/telemetry/frames?ack=memory', json(frame))).status, 201)
  equal((await nexus.request('/v1/telemetry/frames', json({ ...frame, ack: 'memory' }))).status, 201)
  equal((await nexus.request('/v1/telemetry/frames/batch', json({ frames: [frame], ack: 'memory' }))).status, 201)
  equal((await nexus.request('/v1/telemetry/frames?ack=perhaps', json(frame))).status, 400)
})

test('rows come as CSV or NDJSON for who asks for it', async (t) => {
  const nexus = await startTestNexus(t)
  await nexus.client.telemetry.frames.send({
    device_id: 'd,1',
    timestamp: 1762134834,
    metrics: { m: 1, s: 'say "hi"' },
  })
  const path = '/v1/telemetry/query?start_time=1762134000&end_time=1762135000'
  const csv = await nexus.request(path, { headers: { accept: 'text/csv' } })
  equal(csv.headers.get('content-type'), 'text/csv; charset=utf-8')
  equal(await csv.text(), 'timestamp,device_id,m,s\r\n2025-11-03T01:53:54Z,"d,1",1,"say ""hi"""\r\n')
  const ndjson = await nexus.request(path, { headers: { accept: 'application/x-ndjson, application/json;q=0.5' } })
  deepEqual(JSON.parse(await ndjson.text()), {
    timestamp: '2025-11-03T01:53:54Z',
    device_id: 'd,1',
    m: 1,
    s: 'say "hi"',
  })
})

test('the limit of a bucket holds over malformed requests too, and says when to come back', async (t) => {
  const nexus = await startTestNexus(t, {
    rateLimits: { telemetry: 3, command: 1, task: 1, ai: 1, work: 1, other: 600 },
  })
  const statuses: number[] = []
  for (let i = 0; i < 5; i++) statuses.push((await nexus.request('/v1/telemetry/frames', json({ bad: i }))).status)
  deepEqual(statuses, [400, 400, 400, 429, 429])
  const answer = await nexus.request('/v1/telemetry/frames', json(frame))
  const { reset, after } = {
    reset: Number(answer.headers.get('x-ratelimit-reset')),
    after: Number(answer.headers.get('retry-after')),
  }
  ok(after >= 1 && after <= 61, `${after}`)
  ok(reset * 1000 > Date.now() - 1000)
  equal(((await answer.json()) as { error: { code: string } }).error.code, 'RATE_LIMIT_EXCEEDED')
})

for (const value of ['', 'ü', 'a b', 'x'.repeat(256)]) {
  test(`the idempotency key ${JSON.stringify(value).slice(0, 12)} is refused, naming the header`, async (t) => {
    const nexus = await startTestNexus(t)
    for (const path of ['/v1/telemetry/frames', '/v1/auth/keys']) {
      const body = path.endsWith('keys') ? { name: 'a', scopes: ['task:read'] } : frame
      const answer = await nexus.request(path, json(body, { 'idempotency-key': value }))
      const { error } = (await answer.json()) as { error: { details: { field: string } } }
      deepEqual([answer.status, error.details.field], [400, 'Idempotency-Key'])
    }
  })
}

test('half a surrogate pair is refused in any text of a body, and in any key', async (t) => {
  const nexus = await startTestNexus(t)
  for (const body of ['{"name":"\\ud800","scopes":["task:read"]}', '{"name":"a","scopes":["task:read"],"\\udc00":1}']) {
    const headers = { 'content-type': 'application/json' }
    const answer = await nexus.request('/v1/auth/keys', { method: 'POST', headers, body })
    deepEqual([answer.status, /well-formed Unicode/.test(await answer.text())], [400, true])
  }
})

test('HEAD answers as GET does, without the body', async (t) => {
  const nexus = await startTestNexus(t)
  const answer = await nexus.request('/v1/telemetry/latest?limit=1', { method: 'HEAD' })
  deepEqual([answer.status, await answer.text()], [200, ''])
})

test('a frame in a batch is as bounded as one that comes alone', async (t) => {
  const nexus = await startTestNexus(t)
  const texts = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`m${i}`, 'x'.repeat(8000)]))
  const frames = [
    { device_id: 'd', metrics: texts(8) },
    ...[texts(9), { m: 1 }].map((metrics) => ({ device_id: 'd', metrics })),
  ]
  frames.push({ device_id: 'd', metrics: { m: 1 }, metadata: texts(9) } as never)
  const { results } = await nexus.client.telemetry.frames.batch({ frames })
  deepEqual(
    results.map((result) => ('error' in result ? result.error.issue : 'taken')),
    ['taken', 'has more than 65536 bytes', 'taken', 'has more than 65536 bytes'],
  )
})

test('who may not send a large body is refused before it is read, and holds nobody up', async (t) => {
  const nexus = await startTestNexus(t)
  const port = Number(new URL(nexus.url).port)
  const head =
    'POST /v1/telemetry/frames/batch HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 16777216\r\n\r\n{'
  const refused = (socket: Socket) =>
    new Promise<string>((resolve, reject) => {
      socket.once('data', (data) => resolve(data.toString()))
      socket.once('error', reject)
    })
  const sockets = Array.from({ length: 17 }, () => connect(port, '127.0.0.1'))
  const answers = sockets.map(refused)
  for (const socket of sockets) socket.write(head)
  for (const answer of await Promise.all(answers)) match(answer, /^HTTP\/1\.1 (401|429) /)
  for (const socket of sockets) socket.destroy()
  const frames = Array.from({ length: 1000 }, (_, i) => ({ ...frame, device_id: `device-${i}` }))
  equal((await nexus.request('/v1/telemetry/frames/batch', json({ frames }))).status, 201)
})
