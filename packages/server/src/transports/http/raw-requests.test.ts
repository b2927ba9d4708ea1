import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { connect } from 'node:net'
import { type TestContext, test } from 'node:test'
import { envelopeIn } from '../../testing/error-check.ts'
import { startTestNexus } from '../../testing/nexus.ts'
import { securityHeaders } from '../headers.ts'

const patience = { timeout: 60_000 }
const host = 'host: a\r\n'
const two = 'content-length: 2\r\n\r\n{}'
const frames = `POST /v1/telemetry/frames HTTP/1.1\r\n${host}`

const refused: [what: string, request: string, status: number, field: string][] = [
  ['no Host', 'GET /healthz HTTP/1.1\r\n\r\n', 400, 'Host'],
  ['no Host, on a path that is unknown', 'GET /nowhere HTTP/1.1\r\n\r\n', 400, 'Host'],
  ['no Host, with a body', `POST /v1/auth/keys HTTP/1.1\r\n${two}`, 400, 'Host'],
  ['two Hosts', 'GET /healthz HTTP/1.1\r\nhost: a\r\nHOST: b\r\n\r\n', 400, 'Host'],
  ['the same Host twice', `GET /healthz HTTP/1.1\r\n${host}${host}\r\n`, 400, 'Host'],
  ['two Hosts in HTTP/1.0', 'GET /healthz HTTP/1.0\r\nhost: a\r\nhost: b\r\n\r\n', 400, 'Host'],
  ['a Host with a blank', 'GET /healthz HTTP/1.1\r\nhost: a b\r\n\r\n', 400, 'Host'],
  ['a Host with a path', 'GET /healthz HTTP/1.1\r\nhost: a/../b\r\n\r\n', 400, 'Host'],
  ['a Host with a name and a password', 'GET /healthz HTTP/1.1\r\nhost: me:pw@a\r\n\r\n', 400, 'Host'],
  ['a Host of markup', 'GET /healthz HTTP/1.1\r\nhost: <script>\r\n\r\n', 400, 'Host'],
  ['a Host of bytes', 'GET /healthz HTTP/1.1\r\nhost: \xff\xfe\r\n\r\n', 400, 'Host'],
  ['a Host without end', `GET /healthz HTTP/1.1\r\nhost: ${'a'.repeat(60_000)}\r\n\r\n`, 400, 'Host'],
  ['a Host with a port that is none', 'GET /healthz HTTP/1.1\r\nhost: a:http\r\n\r\n', 400, 'Host'],
  ['an unknown expectation', `${frames}expect: the-best\r\n${two}`, 417, 'Expect'],
  ['an unknown expectation without a body', `GET /healthz HTTP/1.1\r\n${host}expect: 100\r\n\r\n`, 417, 'Expect'],
  ['TRACE', `TRACE /healthz HTTP/1.1\r\n${host}\r\n`, 405, 'method'],
  ['CONNECT to a host', `CONNECT b.example:443 HTTP/1.1\r\n${host}\r\n`, 405, 'method'],
  ['CONNECT to a path', `CONNECT /healthz HTTP/1.1\r\n${host}\r\n`, 405, 'method'],
  ['OPTIONS', `OPTIONS /v1/auth/keys/key-1 HTTP/1.1\r\n${host}\r\n`, 405, 'method'],
  ['OPTIONS of all', `OPTIONS * HTTP/1.1\r\n${host}\r\n`, 404, 'path'],
  ['a method of WebDAV with a body', `PROPFIND /v1/auth/keys HTTP/1.1\r\n${host}${two}`, 405, 'method'],
  ['QUERY', `QUERY /v1/telemetry/query HTTP/1.1\r\n${host}${two}`, 405, 'method'],
  ['a method that is unknown', `BREW /healthz HTTP/1.1\r\n${host}\r\n`, 400, 'request'],
  ['a method in lower case', `get /healthz HTTP/1.1\r\n${host}\r\n`, 400, 'request'],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400, 'request'],
  ['a handshake of TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400, 'request'],
  ['words', 'HELLO\r\n\r\n', 400, 'request'],
  ['two lengths', `${frames}content-length: 3\r\n${two}`, 400, 'request'],
  ['a length and chunks', `${frames}transfer-encoding: chunked\r\n${two}`, 400, 'request'],
  ['a coding that is not chunked', `${frames}transfer-encoding: gzip\r\n\r\n{}`, 400, 'request'],
  ['a chunk without a size', `${frames}transfer-encoding: chunked\r\n\r\nzz\r\n`, 400, 'request'],
  ['a path without end', `GET /${'x'.repeat(90_000)} HTTP/1.1\r\n${host}\r\n`, 431, 'request'],
  ['headers that do not end', `GET /healthz HTTP/1.1\r\n${host}x-slow: `, 408, 'request'],
  ['a body that does not come', `${frames}content-length: 100\r\n\r\n{`, 408, 'request'],
  ['an upgrade of what needs a key', `${frames}connection: upgrade\r\nupgrade: foo\r\n${two}`, 401, 'Authorization'],
]

test(
  'what HTTP forbids, and what is none, gets the envelope and every header, and nothing hangs',
  patience,
  async (t) => {
    const nexus = await startTestNexus(t, { headersTimeoutSeconds: 1, requestTimeoutSeconds: 2 })
    const answers = await Promise.all(refused.map(([, request]) => talk(t, nexus.url, request)))
    for (const [i, [what, , status, field]] of refused.entries()) {
      const { head, headers, body } = answers[i]!
      match(head, new RegExp(`^HTTP/1\\.1 ${status} `), what)
      equal(envelopeIn(body, status).details.field, field, what)
      for (const [name, value] of Object.entries(securityHeaders)) equal(headers.get(name), value, `${what}: ${name}`)
      for (const name of ['limit', 'remaining', 'reset']) match(headers.get(`x-ratelimit-${name}`) ?? '', /^\d+$/, what)
      equal(headers.get('x-request-id'), envelopeIn(body, status).request_id, what)
      if (status === 405) ok(headers.has('allow'), what)
    }
    const left = await nexus.request('/healthz')
    equal(left.status, 200)
  },
)

const served: [what: string, request: string][] = [
  ['HTTP/1.0 without a Host', 'GET /healthz HTTP/1.0\r\n\r\n'],
  ['HTTP/1.0 that keeps the connection', 'GET /healthz HTTP/1.0\r\nconnection: keep-alive\r\n\r\n'],
  ['an empty Host', 'GET /healthz HTTP/1.1\r\nhost:\r\n\r\n'],
  ['an IPv6 address with a port', 'GET /healthz HTTP/1.1\r\nhost: [::1]:8420\r\n\r\n'],
  ['a name with a port', 'GET /healthz HTTP/1.1\r\nhost: my_host.example:8420\r\n\r\n'],
  ['a whole URL as the target', `GET http://a/healthz HTTP/1.1\r\n${host}\r\n`],
  ['an expectation that is known', `GET /healthz HTTP/1.1\r\n${host}expect: 100-Continue\r\n\r\n`],
  ['an upgrade to WebSocket', `GET /healthz HTTP/1.1\r\n${host}connection: upgrade\r\nupgrade: websocket\r\n\r\n`],
  ['an upgrade to HTTP/2', `GET /healthz HTTP/1.1\r\n${host}connection: upgrade\r\nupgrade: h2c\r\n\r\n`],
]

test('what HTTP permits is served, an upgrade as if it were not asked for', patience, async (t) => {
  const nexus = await startTestNexus(t)
  const answers = await Promise.all(served.map(([, request]) => talk(t, nexus.url, request)))
  for (const [i, { head, headers, body }] of answers.entries()) {
    const [what] = served[i]!
    deepEqual([head.slice(0, 12), body], ['HTTP/1.1 200', '{"status":"ok"}'], what)
    equal(headers.get('x-frame-options'), 'DENY', what)
  }
})

test('after a request whose body nobody can tell the end of, the connection ends', patience, async (t) => {
  const nexus = await startTestNexus(t)
  for (const request of ['no Host', 'an unknown expectation', 'CONNECT to a host', 'words']) {
    const row = refused.find(([what]) => what === request)!
    const { answers } = await talk(t, nexus.url, `${row[1]}GET /healthz HTTP/1.1\r\n${host}\r\n`, true)
    equal(answers, 1, request)
  }
})

interface Talk {
  head: string
  headers: Map<string, string>
  body: string
  answers: number
}

/** Sends bytes as they are; resolves when an answer is whole, or with `untilClosed` when the server has hung up. */
function talk(t: TestContext, url: string, request: string, untilClosed = false): Promise<Talk> {
  return new Promise((resolve, reject) => {
    let text = ''
    const socket = connect(Number(new URL(url).port), '127.0.0.1', () => socket.write(request, 'latin1'))
    t.after(() => socket.destroy())
    const look = (closed: boolean) => {
      const [head = '', body] = text.replace(/^HTTP\/1\.1 100 Continue\r\n\r\n/, '').split('\r\n\r\n')
      const lines = head.split('\r\n').slice(1)
      const headers = new Map(lines.map((line) => line.split(': ') as [string, string]))
      const whole = body !== undefined && body.length >= Number(headers.get('content-length'))
      if (closed || (whole && !untilClosed)) {
        resolve({ head, headers, body: body ?? '', answers: text.split('HTTP/1.1 ').length - 1 })
      }
    }
    socket.on('data', (data) => {
      text += data
      look(false)
    })
    socket.on('close', () => look(true))
    socket.on('error', reject)
  })
}
