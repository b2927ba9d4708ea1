import { deepEqual, equal, ok } from 'node:assert/strict'
import { connect } from 'node:net'
import { type TestContext, test } from 'node:test'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import { type Operation, operations } from '@nexus/contract'
import fc from 'fast-check'
import { arbitraryFor, hostileFor } from './testing/arbitrary.ts'
import { envelopeIn, tellsNothing } from './testing/error-check.ts'
import { startTestNexus, type TestNexus } from './testing/nexus.ts'
import { operationRequest } from './testing/operation-request.ts'

const seed = 20_251_103
const frames = ['/v1/telemetry/frames', '/v1/telemetry/frames/batch']

/** A server that holds a frame, and that must still hold it, and be well, when the test is through. */
async function startMarked(t: TestContext): Promise<{ nexus: TestNexus; stillWell(): Promise<void> }> {
  const nexus = await startTestNexus(t, { requestTimeoutSeconds: 2, headersTimeoutSeconds: 2 })
  const at = Date.now()
  const metrics = { m: 1, s: 'marker', list: [1], up: true }
  await nexus.client.telemetry.frames.send({ device_id: 'marker', timestamp: at, metrics, tags: { a: 'b' } })
  return {
    nexus,
    async stillWell() {
      equal((await nexus.request('/healthz', { key: null })).status, 200)
      const range = { device_id: 'marker', start_time: at, end_time: at + 1, tags: 'a:b' }
      const { data } = await nexus.client.telemetry.query({ ...range, metrics: 'm,s,list,up' })
      deepEqual(
        data.map(({ timestamp: _, ...row }) => row),
        [{ device_id: 'marker', ...metrics }],
      )
      const { data: sums } = await nexus.client.telemetry.query({ ...range, metrics: 'm', aggregation: 'sum' })
      equal(sums[0]?.m, 1)
      equal((await nexus.client.telemetry.metrics({ device_id: 'marker', prefix: 'm' })).metrics[0]?.name, 'm')
      equal((await nexus.client.telemetry.latest({ device_id: 'marker' })).devices.length, 1)
      equal(({} as { admin?: unknown }).admin, undefined)
    },
  }
}

async function sane(nexus: TestNexus, answer: Response, sent: string): Promise<void> {
  const text = await answer.text()
  ok(answer.status < 500, `${answer.status} ${text.slice(0, 500)}`)
  tellsNothing(answer.ok ? '' : text, { folder: nexus.folder, sent })
  if (!answer.ok) envelopeIn(text, answer.status)
}

/** Valid or not, but for how long the caller would wait: not at all. */
function unwaiting({ input: schema }: Operation, input: unknown): unknown {
  const { properties = {} } = schema as { properties?: object }
  if (!('wait_seconds' in properties) || typeof input !== 'object' || input === null) return input
  const { wait_seconds: seconds = 0 } = input as { wait_seconds?: unknown }
  return typeof seconds === 'number' ? { ...input, wait_seconds: Math.min(seconds, 0) } : input
}

test('no input, valid or hostile, brings any operation to a 5xx or makes it tell of the inside', async (t) => {
  const { nexus, stillWell } = await startMarked(t)
  for (const operation of Object.values(operations) as Operation[]) {
    const inputs = fc.oneof(arbitraryFor(operation.input), hostileFor(operation.input))
    const property = fc.asyncProperty(inputs, fc.nat(operation.http.length - 1), async (input, route) => {
      const { path, init } = operationRequest(operation, unwaiting(operation, input), operation.http[route])
      if (/^\/v1\/auth\/keys\//.test(path) && path.includes(nexus.key.split('_')[2]!)) return
      await sane(nexus, await nexus.request(path, init), `${path} ${init.body ?? ''}`)
    })
    await fc.assert(property, { numRuns: 60, seed, endOnFailure: true })
  }
  await nexus.client.telemetry.retention.put({ policies: [] })
  await stillWell()
})

const scraps = fc.oneof(
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  fc.json().map((text) => Buffer.from(text)),
  fc
    .array(
      fc.constantFrom('{', '}', '[', ']', '"', ':', ',', '\\', '\n', '\0', 'device_id', 'metrics', '1e9', 'null'),
      {
        maxLength: 40,
      },
    )
    .map((parts) => Buffer.from(parts.join(''))),
  fc.tuple(fc.nat(60), fc.uint8Array({ minLength: 1, maxLength: 4 })).map(([at, bytes]) => {
    const whole = Buffer.from('{"device_id":"d","metrics":{"cpu":1,"s":"text"},"tags":{"a":"b"}}')
    return Buffer.concat([whole.subarray(0, at), bytes, whole.subarray(at)])
  }),
)
const wrappings = fc.constantFrom<[string, (body: Buffer) => Buffer]>(
  ['identity', (body) => body],
  ['gzip', gzipSync],
  ['gzip', (body) => gzipSync(body).subarray(0, 15)],
  ['deflate', (body) => body],
  ['deflate', deflateSync],
  ['zstd', (body) => body],
  ['br', brotliCompressSync],
  ['__proto__', (body) => body],
)
const mediaTypes = fc.constantFrom(
  'application/json',
  'application/x-ndjson',
  'application/json; charset=x',
  ';',
  'a/b',
)

test('whatever bytes come as a body on the ways in for frames, the answer is an envelope and no 5xx', async (t) => {
  const { nexus, stillWell } = await startMarked(t)
  const property = fc.asyncProperty(
    fc.constantFrom(...frames),
    scraps,
    wrappings,
    mediaTypes,
    async (path, body, wrap, media) => {
      const headers = { 'content-type': media, 'content-encoding': wrap[0] }
      const sent = new Uint8Array(wrap[1](body))
      await sane(nexus, await nexus.request(path, { method: 'POST', body: sent, headers }), body.toString())
    },
  )
  await fc.assert(property, { numRuns: 300, seed, endOnFailure: true })
  await stillWell()
})

const headerLines = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
  fc
    .tuple(
      fc.constantFrom(
        ...[
          'content-length',
          'transfer-encoding',
          'authorization',
          'content-type',
          'content-encoding',
          'accept',
          'host',
        ],
        ...['idempotency-key', 'x-request-id', 'traceparent', 'expect', 'upgrade', 'connection', '__proto__', 'cookie'],
      ),
      fc.oneof(
        fc.string({ maxLength: 30 }),
        fc.constantFrom('-1', '1e9', '99999999999999999999', 'chunked', 'chunked, chunked', '100-continue', 'h2c'),
        fc.constantFrom(
          'Bearer ',
          `Bearer ${'x'.repeat(5000)}`,
          'gzip, gzip',
          '*/*;q=x',
          "' OR 1=1 --",
          '"',
          '\u00ff\u00fe',
        ),
      ),
    )
    .map(([name, value]) => Buffer.from(`${name}: ${value}`, 'latin1')),
)

test('whatever bytes come as headers on the ways in for frames, no 5xx, and the connection ends', async (t) => {
  const { nexus, stillWell } = await startMarked(t)
  const { hostname, port } = new URL(nexus.url)
  const talk = (bytes: Buffer) =>
    new Promise<string>((resolve) => {
      let answer = ''
      const socket = connect(Number(port), hostname, () => socket.end(bytes))
      socket.setEncoding('latin1').on('data', (data) => {
        answer += data
      })
      socket.on('close', () => resolve(answer))
      socket.on('error', () => {})
    })
  const request = fc.tuple(fc.constantFrom(...frames), fc.array(headerLines, { minLength: 1, maxLength: 4 }), scraps)
  const property = fc.asyncProperty(fc.array(request, { minLength: 8, maxLength: 8 }), async (requests) => {
    const answers = requests.map(([path, lines, body]) => {
      const head = `POST ${path} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${nexus.key}\r\nconnection: close\r\n`
      const headers = lines.map((line) => Buffer.concat([line, Buffer.from('\r\n')]))
      return talk(Buffer.concat([Buffer.from(head), ...headers, Buffer.from('\r\n'), body]))
    })
    for (const answer of await Promise.all(answers)) {
      ok(answer === '' || /^HTTP\/1\.1 [1-4]\d\d /.test(answer), answer.slice(0, 500))
      tellsNothing(answer, { folder: nexus.folder })
    }
  })
  await fc.assert(property, { numRuns: 40, seed, endOnFailure: true })
  await stillWell()
})

test('prototype keys anywhere in a frame are kept as data or refused, and change no other object', async (t) => {
  const { nexus, stillWell } = await startMarked(t)
  const bodies = [
    '{"device_id":"p","metrics":{"m":1},"__proto__":{"admin":true}}',
    '{"device_id":"p","metrics":{"__proto__":{"admin":true}}}',
    '{"device_id":"p","metrics":{"o":{"__proto__":{"admin":true},"constructor":{"prototype":{"admin":true}}}}}',
    '{"device_id":"p","metrics":{"constructor":1,"toString":2,"hasOwnProperty":3}}',
    '{"device_id":"__proto__","metrics":{"m":1},"tags":{"constructor":"x"},"metadata":{"toString":"x"}}',
    '{"device_id":"p","metrics":{"m":1},"tags":{"__proto__":"x"}}',
    '{"device_id":"p","metrics":{"m":1},"metadata":{"a":{"__proto__":{"admin":true}}}}',
  ]
  const statuses: number[] = []
  for (const body of bodies) {
    const init = { method: 'POST', body, headers: { 'content-type': 'application/json' } }
    statuses.push((await nexus.request('/v1/telemetry/frames', init)).status)
  }
  deepEqual(statuses, [400, 400, 201, 201, 201, 400, 201])
  const { devices } = await nexus.client.telemetry.latest({ device_id: 'p,__proto__' })
  deepEqual(
    devices.map(({ device_id, metrics }) => [device_id, Object.keys(metrics).length]),
    [
      ['__proto__', 1],
      ['p', 10],
    ],
  )
  const query = { start_time: 0, end_time: Date.now() + 60_000 }
  await nexus.client.telemetry.query({ ...query, metrics: '__proto__,constructor', aggregation: 'count' })
  await nexus.client.telemetry.query({ ...query, group_by: 'tag.__proto__,tag.constructor', aggregation: 'count' })
  await nexus.client.telemetry.latest({ tags: '__proto__:x' })
  await stillWell()
})
