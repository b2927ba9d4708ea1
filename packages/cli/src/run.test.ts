import assert from 'node:assert/strict'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { errorTable, parseKey } from '@nexus/contract'
import { run } from './run.ts'
import type { World } from './world.ts'

interface Call {
  route: string
  authorization: string | undefined
  body: unknown
}

const key = {
  key_id: 'key-1',
  prefix: 'nxs_live_0000',
  name: 'probe\u001b[31m',
  scopes: ['telemetry:read'],
  expires_at: null,
  last_used_at: null,
  revoked_at: null,
}

/** A remote peer that answers by route, and remembers what it was asked. */
async function peer(t: TestContext, answers: Record<string, [number, unknown]>, headers: Record<string, string> = {}) {
  const calls: Call[] = []
  const server = createServer(async (req, res) => {
    const route = `${req.method} ${req.url}`
    calls.push({ route, authorization: req.headers.authorization, body: await bodyOf(req) })
    const [status, body] = answers[route] ?? [
      404,
      { error: { code: 'NOT_FOUND', message: 'gone', details: {}, request_id: 'req-1' } },
    ]
    res.writeHead(status, headers).end(body === null ? '' : JSON.stringify(body))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = () => new Promise<unknown>((resolve) => server.close(resolve))
  t.after(close)
  return { calls, close, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

async function bodyOf(req: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  for await (const chunk of req) chunks.push(chunk)
  const text = Buffer.concat(chunks).toString()
  return text === '' ? undefined : JSON.parse(text)
}

async function nexus(args: string[], env: Record<string, string> = {}, files: Record<string, string> = {}) {
  const result = { code: -1, out: '', err: '', server: [] as string[] }
  const world: World = {
    env,
    out: (text) => {
      result.out += text
    },
    err: (text) => {
      result.err += text
    },
    readFile: (path) => files[path] ?? assert.fail(`no file ${path}`),
    randomBytes: (count) => new Uint8Array(count),
    becomeServer: (serverArgs) => {
      result.server = [...serverArgs]
      return undefined as never
    },
  }
  result.code = await run(args, world)
  return result
}

test('start and config become the server, with their arguments', async () => {
  assert.deepEqual((await nexus(['start', '--config', 'a.yaml'])).server, ['start', '--config', 'a.yaml'])
  assert.deepEqual((await nexus(['config', 'check'])).server, ['config', 'check'])
})

test('a generated key parses, and needs no server', async () => {
  const { out, code } = await nexus(['keys', 'generate'])
  assert.equal(code, 0)
  assert.ok(parseKey(out.trim()))
  assert.ok(parseKey(JSON.parse((await nexus(['keys', 'generate', '--json'])).out).key))
})

test('a wrong command line exits with the code of a bad request and starts nothing', async () => {
  const wrong = [
    ['strat'],
    ['keys'],
    ['keys', 'lose'],
    ['keys', 'list', '--verbose'],
    ['keys', 'revoke', '--key', 'k'],
    ['keys', 'revoke', '', '--key', 'k'],
    ['keys', 'create', '--name', 'n', '--scope', 'all', '--key', 'k'],
    ['keys', 'list', '--url', 'file:///etc', '--key', 'k'],
    ['keys', 'list', '--url', 'https://nexus.example'],
  ]
  for (const args of wrong) {
    const { code, err } = await nexus(args)
    assert.equal(code, 2, args.join(' '))
    assert.match(err, /nexus help/)
  }
})

test('help goes to the output and names every command, also where it is asked of one of them', async () => {
  for (const args of [['--help'], ['keys', '--help'], ['keys', 'create', '--help'], ['keys', 'revoke', '-h']]) {
    const { out, code } = await nexus(args)
    assert.equal(code, 0, args.join(' '))
    for (const command of ['start', 'config check', 'keys rotate']) assert.ok(out.includes(`nexus ${command}`), command)
  }
})

test('create prints the key alone to the output', async (t) => {
  const { url, calls } = await peer(t, { 'POST /v1/auth/keys': [201, { ...key, key: 'nxs_live_x' }] })
  const { out, err, code } = await nexus([
    'keys',
    'create',
    '--name',
    'probe',
    '--scope',
    'telemetry:read,admin',
    '--url',
    url,
    '--key',
    'k1',
  ])
  assert.deepEqual([code, out], [0, 'nxs_live_x\n'])
  assert.match(err, /shown once/)
  assert.deepEqual(calls[0], {
    route: 'POST /v1/auth/keys',
    authorization: 'Bearer k1',
    body: { name: 'probe', scopes: ['telemetry:read', 'admin'] },
  })
})

test('list follows the pages, and no escape sequence reaches the terminal', async (t) => {
  const { url } = await peer(t, {
    'GET /v1/auth/keys': [200, { keys: [key], next_cursor: 'c1' }],
    'GET /v1/auth/keys?cursor=c1': [200, { keys: [{ ...key, key_id: 'key-2' }], next_cursor: null }],
  })
  const { out } = await nexus(['keys', 'list'], { NEXUS_URL: url, NEXUS_API_KEY: 'k' })
  assert.match(out, /^key-1 {2}probe\?\[31m.*active\nkey-2/)
  assert.equal(out.includes('\u001b'), false)
})

test('revoke and rotate name the key in the path, escaped', async (t) => {
  const { url, calls } = await peer(t, {
    'DELETE /v1/auth/keys/a%2Fb': [204, null],
    'POST /v1/auth/keys/key-1/rotate': [201, { ...key, key: 'nxs_live_y' }],
  })
  const env = { NEXUS_URL: url, NEXUS_API_KEY: 'k' }
  assert.equal((await nexus(['keys', 'revoke', 'a/b'], env)).code, 0)
  assert.equal((await nexus(['keys', 'rotate', 'key-1', '--grace', '1h'], env)).out, 'nxs_live_y\n')
  assert.deepEqual(calls[1]?.body, { grace: '1h' })
})

test('every error code exits as the table says, with the request named', async (t) => {
  for (const [code, { http, exit }] of Object.entries(errorTable)) {
    const error = { code, message: 'no', details: { field: 'name', issue: 'is odd' }, request_id: 'req-9' }
    const { url } = await peer(t, { 'DELETE /v1/auth/keys/k': [http, { error }] })
    const answer = await nexus(['keys', 'revoke', 'k', '--url', url, '--key', 'k'])
    assert.equal(answer.code, exit, code)
    assert.equal(answer.err, `nexus: ${code}: no (name: is odd) [req-9]\n`)
  }
})

test('a server that does not answer is unavailable', async (t) => {
  const { url, close } = await peer(t, {})
  await close()
  const { code, err } = await nexus(['keys', 'list', '--url', url, '--key', 'k'])
  assert.equal(code, errorTable.SERVICE_UNAVAILABLE.exit)
  assert.match(err, new RegExp(`no answer from ${url}: .*ECONNREFUSED`))
})

test('no key follows a redirect', async (t) => {
  const other = await peer(t, {})
  const { url } = await peer(t, { 'DELETE /v1/auth/keys/k': [302, null] }, { location: `${other.url}/v1/auth/keys/k` })
  const { code, err } = await nexus(['keys', 'revoke', 'k', '--url', url, '--key', 'secret'])
  assert.equal(code, errorTable.SERVICE_UNAVAILABLE.exit)
  assert.match(err, /redirect/)
  assert.deepEqual(other.calls, [])
})

test('the local admin key is offered to a local server only', async (t) => {
  const { url, calls } = await peer(t, { 'GET /v1/auth/keys': [200, { keys: [], next_cursor: null }] })
  const env = { NEXUS_DATA_DIR: '/d' }
  const files = { '/d/admin.key': 'secret\n' }
  assert.equal((await nexus(['keys', 'list', '--url', url], env, files)).code, 0)
  assert.equal(calls[0]?.authorization, 'Bearer secret')
  const remote = await nexus(['keys', 'list', '--url', 'http://127.0.0.1.nexus.invalid'], env, files)
  assert.equal(remote.code, 2)
  assert.match(remote.err, /needs an API key/)
})
