import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { type TestContext, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import fc from 'fast-check'
import { startTestNexus, type TestNexus } from '../../testing/nexus.ts'
import { type RawAnswer, RawConnection } from '../../testing/raw-connection.ts'

const path = '/v1/telemetry/frames'

async function open(t: TestContext, nexus: TestNexus): Promise<RawConnection> {
  const connection = await RawConnection.open(nexus.url)
  t.after(() => connection.socket.destroy())
  return connection
}

function post(key: string, body: string, headers: string[] = [], line = `POST ${path} HTTP/1.1`): string {
  const own = [`Host: nexus`, `Authorization: Bearer ${key}`, 'Content-Type: application/json']
  return [line, ...own, `Content-Length: ${Buffer.byteLength(body)}`, ...headers, '', body].join('\r\n')
}

const frame = (m: number, more = {}) => JSON.stringify({ device_id: 'd', metrics: { m }, frame_id: `f-${m}`, ...more })

/** What may differ between two answers to one request: the time, and what is left of the rate limit. */
function comparable({ status, headers, body }: RawAnswer) {
  const { date, 'x-request-id': id, 'x-ratelimit-remaining': left, 'x-ratelimit-reset': reset, ...fixed } = headers
  const told = body
    .replaceAll(/"(received_at|timestamp)":"[\d-]+T[\d:.]+Z"/g, '"$1":""')
    .replaceAll(id ?? '', '')
    .replace(/frame-\w+/, 'frame')
  return { status, headers: fixed, names: [date, id, left, reset].map((value) => value !== undefined), body: told }
}

const bodies = fc.oneof(
  fc.integer().map((m) => JSON.stringify({ device_id: 'd', frame_id: 'same', metrics: { m } })),
  fc
    .string({ unit: 'grapheme', maxLength: 8 })
    .map((name) => JSON.stringify({ device_id: name, metrics: { m: 1 }, frame_id: 'é' })),
  fc.constantFrom(
    '',
    '{',
    '[]',
    'null',
    '{"device_id":"d","metrics":{"m":NaN}}',
    '{"device_id":"d","metrics":{}}',
    '\u0000',
  ),
  fc.json({ maxDepth: 2 }),
)
const header = fc.constantFrom(
  ...['Accept: */*', 'Accept: text/html', 'Connection: keep-alive', 'Connection: close', 'Expect: 100-continue'],
  ...['Idempotency-Key: one', 'Idempotency-Key: \u0007', 'X-Request-Id: mine', 'X-Request-Id: ä', 'User-Agent: a'],
  ...['Content-Length: 3', 'Content-Type: text/plain', 'Content-Encoding: gzip', 'Transfer-Encoding: chunked'],
  ...[
    'Authorization: Bearer other',
    'Host: again',
    'host:x',
    'Accept : */*',
    ' folded',
    'X-Any: thing',
    'nothing',
    ':',
  ],
)
const line = fc.constantFrom(
  ...[`POST ${path} HTTP/1.1`, `POST ${path}?ack=memory HTTP/1.1`, `POST ${path} HTTP/1.0`, `GET ${path} HTTP/1.1`],
  ...[`post ${path} HTTP/1.1`, `POST  ${path} HTTP/1.1`, `POST /v1/telemetry/frame HTTP/1.1`, 'POST'],
)

test('a request is answered the same whether it comes as a whole or byte by byte', async (t) => {
  const nexus = await startTestNexus(t)
  const keys = [nexus.key, (await nexus.as({ scopes: ['telemetry:read'] })).key, `${nexus.key.slice(0, -1)}x`]
  const often = <T>(value: T, other: fc.Arbitrary<T>) => fc.oneof({ weight: 3, arbitrary: fc.constant(value) }, other)
  const request = fc.tuple(
    often(keys[0]!, fc.constantFrom(...keys)),
    bodies,
    fc.array(header, { maxLength: 2 }),
    often(`POST ${path} HTTP/1.1`, line),
  )
  await fc.assert(
    fc.asyncProperty(request, async (parts) => {
      const bytes = Buffer.from(post(...parts))
      const answers: (RawAnswer | undefined)[] = []
      const split = [bytes.subarray(0, 1), bytes.subarray(1, 40), bytes.subarray(40)]
      // The first is there so that the other two repeat it alike.
      for (const pieces of [split, [bytes], split]) {
        const connection = await RawConnection.open(nexus.url)
        await connection.send(...pieces)
        answers.push(await connection.answer())
        connection.socket.destroy()
      }
      const [, inOne, inPieces] = answers.map((answer) => answer && comparable(answer))
      deepEqual(inOne, inPieces)
    }),
    { numRuns: 150 },
  )
})

test('plain frames never reach the HTTP server, and all else does', async (t) => {
  const nexus = await startTestNexus(t)
  let served = 0
  const count = () => void served++
  subscribe('http.server.request.start', count)
  t.after(() => unsubscribe('http.server.request.start', count))
  const connection = await open(t, nexus)
  for (const m of [1, 22]) {
    await connection.send(post(nexus.key, frame(m)))
    equal((await connection.answer())?.status, 201)
  }
  equal(served, 0)
  const whole = post(nexus.key, frame(3))
  for (const pieces of [[whole.slice(0, 50), whole.slice(50)], [whole]]) {
    await connection.send(...pieces)
    equal((await connection.answer())?.status, 201)
  }
  equal(served, 2)
})

test('requests that come together are answered in their order, whatever each of them is', async (t) => {
  const nexus = await startTestNexus(t)
  const connection = await open(t, nexus)
  const asked = [
    post(nexus.key, frame(1)),
    post(nexus.key, '{"device_id":"d"}'),
    post(nexus.key, frame(2)),
    'GET /healthz HTTP/1.1\r\nHost: nexus\r\n\r\n',
    post(nexus.key, frame(3)),
  ]
  await connection.send(asked.join(''))
  const answers: RawAnswer[] = []
  for (const _ of asked) answers.push((await connection.answer())!)
  deepEqual(
    answers.map(({ status, body }) => [status, JSON.parse(body).frame_id ?? JSON.parse(body).error?.details.field]),
    [
      [201, 'f-1'],
      [400, 'metrics'],
      [201, 'f-2'],
      [200, undefined],
      [201, 'f-3'],
    ],
  )
})

test('a frame that comes in two packets, and all that follow it, are taken', async (t) => {
  const nexus = await startTestNexus(t)
  const connection = await open(t, nexus)
  const whole = post(nexus.key, frame(2))
  await connection.send(post(nexus.key, frame(1)))
  equal((await connection.answer())?.status, 201)
  await connection.send(whole.slice(0, 100))
  await nextTurn()
  await connection.send(whole.slice(100) + post(nexus.key, frame(3)))
  deepEqual([(await connection.answer())?.status, (await connection.answer())?.status], [201, 201])
  const { devices } = await nexus.client.telemetry.latest({ device_id: 'd' })
  equal(devices[0]?.metrics.m?.value, 3)
})

test('whoever sends far more than he reads is not read from either, and gets every answer once he reads', async (t) => {
  const nexus = await startTestNexus(t)
  const connection = await open(t, nexus)
  connection.socket.pause()
  // More than what the buffers between them take.
  const [count, metadata] = [6000, { pad: 'x'.repeat(3000) }]
  let isSent = false
  const posts = Array.from({ length: count }, (_, i) => post(nexus.key, frame(i, { metadata })))
  const sent = connection.send(posts.join(''))
  sent.then(() => {
    isSent = true
  })
  for (let [left, still] = [0, 0]; still < 200; left = connection.socket.writableLength) {
    await nextTurn()
    still = connection.socket.writableLength === left ? still + 1 : 0
  }
  equal(isSent, false)
  connection.socket.resume()
  const ids: string[] = []
  while (ids.length < count) ids.push(JSON.parse((await connection.answer())!.body).frame_id)
  deepEqual(
    ids,
    Array.from({ length: count }, (_, i) => `f-${i}`),
  )
  await sent
})

test('a client that ends its half gets the answer to what it sent', async (t) => {
  const nexus = await startTestNexus(t)
  const connection = await open(t, nexus)
  connection.socket.end(post(nexus.key, frame(1)))
  const answer = await connection.answer()
  deepEqual([answer?.status, answer?.headers.connection], [201, 'close'])
  await connection.closed()
})

test('a connection that says nothing is told so, and ended', async (t) => {
  const nexus = await startTestNexus(t, { headersTimeoutSeconds: 1 })
  const connection = await open(t, nexus)
  const answer = await connection.answer()
  equal(answer?.status, 408)
  match(answer!.body, /took too long to arrive/)
  await connection.closed()
})

test('a stop waits neither for connections that rest, nor for one that sends on and on, nor for one that reads nothing', async (t) => {
  const nexus = await startTestNexus(t)
  const [resting, eager, deaf] = [await open(t, nexus), await open(t, nexus), await open(t, nexus)]
  for (const connection of [resting, eager]) {
    await connection.send(post(nexus.key, frame(1)))
    equal((await connection.answer())?.status, 201)
  }
  deaf.socket.pause()
  deaf.socket.write(Array.from({ length: 30_000 }, (_, i) => post(nexus.key, frame(i))).join(''))
  let stopped = false
  const sendOn = async () => {
    for (let i = 0; !stopped && !eager.socket.destroyed; i++) {
      eager.socket.write(post(nexus.key, frame(i)))
      await nextTurn()
    }
  }
  const answers: RawAnswer[] = []
  const listen = async () => {
    for (let answer = await eager.answer(); answer; answer = await eager.answer()) answers.push(answer)
  }
  const [sending, listening] = [sendOn(), listen()]
  await nextTurn()
  await nexus.stop()
  stopped = true
  await Promise.all([sending, listening, resting.closed(), eager.closed()])
  const closing = answers.findIndex(({ headers }) => headers.connection === 'close')
  ok(closing === -1 || closing === answers.length - 1)
})
