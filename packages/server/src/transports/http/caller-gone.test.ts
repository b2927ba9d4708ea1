import { deepEqual, equal } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { Agent, get } from 'node:http'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Ctx } from '../../core/context.ts'
import type { Failure } from '../../core/failure.ts'
import { spawnNexus } from '../../testing/child-nexus.ts'
import { json, testFolder } from '../../testing/nexus.ts'
import { admin } from '../../testing/telemetry-room.ts'
import { until } from '../../testing/until.ts'
import type { TransportDeps } from '../ports.ts'
import { createServer } from '../server.ts'

/** The HTTP of the server alone, in front of a verb of the test's. */
async function serve(t: TestContext, verb: (ctx: Ctx) => Promise<unknown>) {
  const rate = { bucket: 'other' as const, limit: 1, reserved: 0, remaining: 1, reset: 1, exceeded: false }
  const observed: [operation: string, status: number][] = []
  const bugs: unknown[] = []
  const deps: TransportDeps = {
    gate: { spend: () => rate, invoke: async (_id, ctx) => ({ output: await verb(ctx), replayed: false }) },
    authenticateCached: () => admin,
    authenticate: async () => admin,
    authenticateTicket: async () => admin,
    admitAgain: async () => admin,
    countConnection: () => {},
    spendAddress: () => rate,
    telemetry: undefined as never,
    events: undefined as never,
    devices: undefined as never,
    commands: undefined as never,
    tasks: undefined as never,
    batchReader: undefined as never,
    now: () => 1,
    ready: () => true,
    metrics: async () => ({ contentType: 'text/plain', text: '' }),
    observe: (operation, status) => void observed.push([operation, status]),
    onBug: (cause) => void bugs.push(cause),
    signal: new AbortController().signal,
  }
  const limits = {
    ...{ headersTimeoutMs: 10_000, requestTimeoutMs: 10_000, tls: undefined, version: '0', corsOrigins: [] },
    ...{ streamsPerKey: 1, connectionsPerKey: 1, messagesLimited: true },
  }
  const app = createServer(deps, limits)
  const connections: Socket[] = []
  app.server.on('connection', (socket: Socket) => void connections.push(socket))
  await app.listen({ host: '127.0.0.1', port: 0 })
  t.after(() => app.close())
  const { port } = app.server.address() as { port: number }
  return { port, connections, observed, bugs }
}

const request = 'GET /v1/telemetry/metrics HTTP/1.1\r\nhost: a\r\nauthorization: Bearer a\r\n\r\n'

test('a verb learns that its caller hung up; that is counted as 499 and is no bug', async (t) => {
  const asked = Promise.withResolvers<Ctx>()
  const { port, observed, bugs } = await serve(t, (ctx) => {
    asked.resolve(ctx)
    return new Promise((_, reject) => ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason)))
  })
  const socket = connect(port, '127.0.0.1', () => socket.write(request))
  const { signal } = await asked.promise
  equal(signal.aborted, false)
  socket.destroy()
  await until('the request is counted', async () => observed.length > 0)
  deepEqual([signal.aborted, (signal.reason as Failure).details.reason], [true, 'caller_gone'])
  deepEqual([observed, bugs], [[['telemetry.metrics', 499]], []])
})

test('an answer that is out ends nothing, and a connection that is kept alive keeps nothing of its requests', async (t) => {
  const signals: AbortSignal[] = []
  const { port, connections } = await serve(t, async ({ signal }) => {
    signals.push(signal)
    return {}
  })
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const listeners: number[] = []
  for (let n = 0; n < 20; n++) {
    await new Promise<void>((resolve, reject) => {
      const options = { port, agent, headers: { authorization: 'Bearer a' } }
      get('http://127.0.0.1/v1/telemetry/metrics', options, (answer) => answer.resume().on('end', resolve)).on(
        'error',
        reject,
      )
    })
    listeners.push(connections[0]!.listenerCount('close'))
  }
  const closed = new Promise((resolve) => connections[0]!.on('close', resolve))
  agent.destroy()
  await closed
  equal(connections.length, 1)
  deepEqual(new Set(listeners).size, 1, `listeners pile up: ${listeners}`)
  deepEqual(
    signals.map(({ aborted }) => aborted),
    Array(20).fill(false),
  )
})

test('callers who leave in the middle of their queries leave a server that answers, logs no fault and stops well', async (t) => {
  const folder = testFolder(t)
  const nexus = await spawnNexus(t, { NEXUS_DATA_DIR: folder, NEXUS_QUERY_CONCURRENCY: '1' })
  const key = readFileSync(join(folder, 'admin.key'), 'utf8').trim()
  const authorization = `Bearer ${key}`
  const start = Date.UTC(2025, 10, 3)
  const metrics = Object.fromEntries(Array.from({ length: 20 }, (_, m) => [`m${m}`, m / 7]))
  const frames = Array.from({ length: 10_000 }, (_, i) => ({ device_id: `d${i % 100}`, timestamp: start + i, metrics }))
  equal((await fetch(`${nexus.url}/v1/telemetry/frames/batch`, json(frames, { authorization }))).status, 201)
  const path = `/v1/telemetry/query?start_time=${start}&end_time=${start + 20_000}&aggregation=p99&interval=100ms`
  const { port } = new URL(nexus.url)
  const hangUp = () =>
    new Promise<void>((resolve) => {
      const socket = connect(Number(port), '127.0.0.1')
      socket.on('close', () => resolve())
      socket.write(`GET ${path} HTTP/1.1\r\nhost: a\r\nauthorization: ${authorization}\r\n\r\n`, () => socket.destroy())
    })
  await until('callers who hung up are counted', async () => {
    await Promise.all(Array.from({ length: 8 }, hangUp))
    const text = await (await fetch(`${nexus.url}/metrics`)).text()
    const [, count] = /^nexus_http_requests_total\{operation="telemetry.query",code="499"\} (\d+)$/m.exec(text) ?? []
    return Number(count) >= 8
  })
  equal((await fetch(`${nexus.url}${path}`, { headers: { authorization } })).status, 200)
  const text = await (await fetch(`${nexus.url}/metrics`)).text()
  equal(/code="5\d\d"/.test(text), false)
  nexus.process.kill('SIGTERM')
  deepEqual(await nexus.ended, { code: 0, signal: null })
  equal(nexus.output().includes('A request failed'), false, nexus.output())
})
