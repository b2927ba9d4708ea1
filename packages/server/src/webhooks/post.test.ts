import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer as createSecureServer } from 'node:https'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { testFolder } from '../testing/nexus.ts'
import { createGuard } from './guard.ts'
import { post } from './post.ts'
import { startReceiver } from './testing/receiver.ts'

const never = new AbortController().signal
const traceId = '0af7651916cd43dd8448eb211c80319c'
const message = (url: string) => ({ url, body: '{"a":"ü"}', headers: { 'webhook-id': 'evt-1' }, traceId })

interface Options {
  allowCidrs?: string[]
  resolve?: (name: string) => Promise<string[]>
  timeoutMs?: number
}

function send(url: string, { allowCidrs = ['127.0.0.1'], resolve = async () => ['127.0.0.1'], ...more }: Options = {}) {
  const guard = createGuard({ resolve, allowCidrs })
  return post({ guard, now: Date.now, timeoutMs: 15_000, ...more }, message(url), never)
}

/** A server that deals with bare connections. */
async function startRaw(t: TestContext, onConnection: (socket: Socket) => void): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    t.after(() => socket.destroy())
    onConnection(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('a message arrives as JSON, with its headers and its trace', async (t) => {
  const receiver = await startReceiver(t)
  receiver.answer((_received, response) => response.writeHead(202).end('thanks'))
  deepEqual(await send(`${receiver.url}/hook?a=b#c`), {
    error: null,
    statusCode: 202,
    response: 'thanks',
    isWhole: true,
    retryAfterMs: 0,
  })
  const { path, headers, body } = receiver.received[0]!
  deepEqual([path, body, headers['webhook-id']], ['/hook?a=b', '{"a":"ü"}', 'evt-1'])
  deepEqual([headers['content-type'], headers['user-agent']], ['application/json', 'Nexus-Webhooks'])
  match(String(headers.traceparent), new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`))
})

test('any 2xx is a success; no redirect is followed; all else is a failure', async (t) => {
  const receiver = await startReceiver(t)
  const elsewhere = await startReceiver(t)
  const statuses: [number, string | null][] = [
    ...[200, 201, 202, 204, 206, 299].map((status): [number, null] => [status, null]),
    ...[301, 302, 303, 307, 308, 304].map((status): [number, string] => [status, 'redirect']),
    ...[400, 401, 404, 409, 429, 500, 503].map((status): [number, string] => [status, 'http_error']),
    [410, 'gone'],
  ]
  for (const [status, expected] of statuses) {
    receiver.answer((_received, response) => response.writeHead(status, { location: elsewhere.url }).end())
    const { error, statusCode } = await send(receiver.url)
    deepEqual([error, statusCode], [expected, status])
  }
  equal(elsewhere.received.length, 0)
})

test('how long the receiver asks to wait is told', async (t) => {
  const receiver = await startReceiver(t)
  receiver.answer((_received, response) => response.writeHead(503, { 'retry-after': '7' }).end())
  equal((await send(receiver.url)).retryAfterMs, 7000)
})

test('a name is resolved once, and what it leads to afterwards changes nothing', async (t) => {
  const receiver = await startReceiver(t)
  const answers = [['127.0.0.1'], ['127.0.0.2']]
  let asked = 0
  const resolve = async () => answers[asked++] ?? []
  const { error } = await send(`http://rebinding.example:${receiver.port}/`, { resolve })
  equal(error, null)
  equal(asked, 1)
  equal(receiver.received[0]?.headers.host, `rebinding.example:${receiver.port}`)
  // The next attempt looks again, and finds what is not permitted.
  equal((await send(`http://rebinding.example:${receiver.port}/`, { resolve })).error, 'no_public_address')
  equal(receiver.received.length, 1)
})

test('nothing is sent to a private address: not by name, by literal, by mixture, or when permission has gone', async (t) => {
  const receiver = await startReceiver(t)
  const none = { allowCidrs: [] }
  for (const url of [receiver.url, `https://127.0.0.1:${receiver.port}`, 'https://[::1]'])
    equal((await send(url, none)).error, 'address_refused', url)
  const mixed = async () => ['127.0.0.1', '10.0.0.1']
  equal((await send(`http://mixed.example:${receiver.port}`, { resolve: mixed })).error, 'no_public_address')
  equal((await send('https://localhost', none)).error, 'no_public_address')
  equal((await send('https://nobody.example', { resolve: async () => [] })).error, 'no_public_address')
  equal(receiver.received.length, 0)
})

test('of an answer 64 KiB are read, and its beginning is told', async (t) => {
  let sent = 0
  const url = await startRaw(t, (socket) => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 500 No\r\ncontent-length: 1000000000\r\n\r\n')
      const more = () => {
        while (!socket.destroyed && socket.write('a\0'.repeat(8192))) sent += 16_384
      }
      socket.on('drain', more)
      more()
    })
  })
  const { statusCode, response } = await send(url)
  deepEqual([statusCode, response], [500, 'a\ufffd'.repeat(512)])
  ok(sent < 100_000_000)
})

test('who wants more of an answer is given all of it, or told that it is not all', async (t) => {
  const receiver = await startReceiver(t)
  const text = 'ü'.repeat(5000)
  receiver.answer((_received, response) => response.end(text))
  const guard = createGuard({ resolve: async () => [], allowCidrs: ['127.0.0.1'] })
  const sent = async (answerBytesMax: number) => {
    const deps = { guard, now: Date.now, timeoutMs: 15_000 }
    const { response, isWhole } = await post(deps, { ...message(receiver.url), answerBytesMax }, never)
    return [response, isWhole]
  }
  deepEqual(await sent(10_000), [text, true])
  deepEqual(await sent(9999), [text.slice(1), false])
  const { response, isWhole } = await send(receiver.url)
  deepEqual([response, isWhole], [text.slice(0, 1024), false])
})

test('a 2xx whose body never ends, or breaks off, is a success all the same', async (t) => {
  const endless = await startRaw(t, (socket) =>
    socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nso')),
  )
  deepEqual(await send(endless, { timeoutMs: 300 }), {
    error: null,
    statusCode: 200,
    response: 'so',
    isWhole: false,
    retryAfterMs: 0,
  })
  const broken = await startRaw(t, (socket) =>
    socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nso')),
  )
  equal((await send(broken)).error, null)
})

test('who does not answer, hangs up, or speaks no HTTP is told apart', async (t) => {
  const silent = await startRaw(t, () => {})
  equal((await send(silent, { timeoutMs: 100 })).error, 'timeout')
  const rude = await startRaw(t, (socket) => socket.once('data', () => socket.destroy()))
  equal((await send(rude)).error, 'connection_lost')
  const other = await startRaw(t, (socket) => socket.once('data', () => socket.end('220 smtp.example ESMTP\r\n')))
  equal((await send(other)).error, 'malformed_answer')
  const upgrade = await startRaw(t, (socket) =>
    socket.once('data', () => socket.write('HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n')),
  )
  equal((await send(upgrade)).error, 'connection_lost')
  const flood = await startRaw(t, (socket) =>
    socket.once('data', () => socket.write(`HTTP/1.1 200 OK\r\nx: ${'x'.repeat(100_000)}\r\n\r\n`)),
  )
  equal((await send(flood)).error, 'malformed_answer')
  equal((await send('http://127.0.0.1:1')).error, 'connect_failed')
  const neverResolves = () => new Promise<string[]>(() => {})
  equal((await send('https://slow.example', { resolve: neverResolves, timeoutMs: 50 })).error, 'timeout')
})

test('who stops it gets no result', async (t) => {
  const url = await startRaw(t, () => {})
  const guard = createGuard({ resolve: async () => [], allowCidrs: ['127.0.0.1'] })
  const stop = new AbortController()
  const sending = post({ guard, now: Date.now, timeoutMs: 15_000 }, message(url), stop.signal)
  stop.abort(new Error('stopped'))
  await rejects(sending, /stopped/)
})

const withoutOpenssl =
  process.env.CI !== 'true' && spawnSync('openssl', ['version']).error && 'there is no openssl here'

test('over TLS the certificate must be trusted, and be of the name that was asked for', {
  skip: withoutOpenssl,
}, async (t) => {
  const [key, cert] = certificateFor(t, 'hooks.example')
  const received: string[] = []
  const server = createSecureServer({ key, cert }, (request, response) => {
    received.push(`${request.headers.host}`)
    response.writeHead(204).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  equal((await send(`https://hooks.example:${port}`)).error, 'tls_failed')
  const usual = getCACertificates('default')
  t.after(() => setDefaultCACertificates(usual))
  setDefaultCACertificates([...usual, cert])
  equal((await send(`https://hooks.example:${port}`)).error, null)
  equal((await send(`https://hooks.example.:${port}`)).error, null)
  equal((await send(`https://other.example:${port}`)).error, 'tls_failed')
  equal((await send(`https://127.0.0.1:${port}`)).error, 'tls_failed')
  deepEqual(received, [`hooks.example:${port}`, `hooks.example.:${port}`])
  const plain = await startRaw(t, (socket) => socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\n\r\n')))
  equal((await send(plain.replace('http:', 'https:'))).error, 'tls_failed')
})

function certificateFor(t: TestContext, name: string): [key: string, cert: string] {
  const folder = testFolder(t)
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256']
  const subject = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`]
  const options = ['req', '-x509', ...curve, '-nodes', '-days', '2', ...subject, '-keyout', key, '-out', cert]
  execFileSync('openssl', options, { stdio: 'ignore' })
  return [readFileSync(key, 'utf8'), readFileSync(cert, 'utf8')]
}
