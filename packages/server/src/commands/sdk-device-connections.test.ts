import { deepEqual, equal, ok } from 'node:assert/strict'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { createClient, type DeviceError, type NexusError } from '@nexus/sdk'
import { startTestNexus, testFolder } from '../testing/nexus.ts'
import { deviceOf, ended, fieldsOf, held, keyOf, retry, submit } from '../testing/sdk-device.ts'
import { startTcpRelay } from '../testing/tcp-relay.ts'
import { until } from '../testing/until.ts'

/** It takes connections, and says nothing until they are cut. */
async function startSilentServer(t: TestContext): Promise<{ url: string; cut(): void }> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => sockets.add(socket.on('error', () => {})))
  const cut = () => {
    for (const socket of sockets) socket.destroy()
  }
  t.after(() => {
    cut()
    server.close()
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  return { url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`, cut }
}

/** Options of a client whose acknowledgements are held back until they are released, whichever way they go. */
function heldAcks() {
  let count = 0
  const released = Promise.withResolvers<void>()
  const pass = async () => {
    count++
    await released.promise
  }
  class Holding extends WebSocket {
    override send(data: string): void {
      if (!data.includes('"command.ack"')) super.send(data)
      else void pass().then(() => super.send(data))
    }
  }
  const holding: typeof fetch = async (input, init) => {
    if (String(input).endsWith('/ack')) await pass()
    return fetch(input, init)
  }
  return { options: { WebSocket: Holding, fetch: holding }, count: () => count, release: released.resolve }
}

test('a connection that breaks again and again runs no command twice, and as long as attempts are left every result arrives', async (t) => {
  const nexus = await startTestNexus(t)
  const relay = await startTcpRelay(t, nexus.url)
  const { device } = await deviceOf(t, nexus, { url: relay.url })
  const runs = new Map<string, number>()
  device.onAny(async ({ command_id, signal, progress, log }) => {
    runs.set(command_id, (runs.get(command_id) ?? 0) + 1)
    progress(50)
    log('half')
    await new Promise((resolve) => setImmediate(resolve))
    return { aborted: signal.aborted }
  })
  await device.start()
  const ids: string[] = []
  for (let n = 0; n < 60; n++) {
    ids.push((await submit(nexus, 'x')).command_id)
    if (n % 10 === 5) relay.cut()
    if (n % 10 === 8) relay.mend()
  }
  for (const id of ids) {
    const { status, result } = await ended(nexus, id)
    deepEqual([status, fieldsOf(result).aborted], ['completed', false])
  }
  deepEqual(
    ids.map((id) => runs.get(id)),
    ids.map(() => 1),
  )
})

test('a command goes on over a restart of the server, and its result is confirmed by the next', async (t) => {
  const dataDir = testFolder(t)
  const first = await startTestNexus(t, { dataDir })
  const { device, errors } = await deviceOf(t, first)
  const { handler, begun, go, hasBegun } = held()
  device.on('hold', handler)
  await device.start()
  const { command_id } = await submit(first, 'hold')
  await hasBegun()
  await first.stop()
  await until('it is told', async () => errors.length > 0)
  go()
  const { port } = new URL(first.url)
  const second = await startTestNexus(t, { dataDir, port: Number(port), adminKey: first.key })
  const { status, result } = await ended(second, command_id)
  deepEqual([status, fieldsOf(result).run, begun.length, begun[0]!.signal.aborted], ['completed', 1, 1, false])
})

test('what is taken from a device because it was lost is aborted, and told as it is', async (t) => {
  const nexus = await startTestNexus(t)
  const key = await keyOf(nexus)
  const { device, errors } = await deviceOf(t, nexus, { key, transport: 'long-poll' })
  let ticking: ReturnType<typeof setInterval> | undefined
  t.after(() => clearInterval(ticking))
  let reason: unknown
  device.on('hold', async ({ signal, progress }) => {
    let n = 0
    ticking = setInterval(() => progress(Math.min(99, n++)), 50)
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
    clearInterval(ticking)
    reason = signal.reason
    signal.throwIfAborted()
  })
  await device.start()
  const { command_id } = await submit(nexus, 'hold')
  await until('it runs', async () => (await nexus.client.commands.get({ command_id })).status === 'running')
  const other = createClient({ url: nexus.url, apiKey: key, retry })
  await other.commands.lease({ device_id: 'd', have: [] })
  const { status, status_reason } = await ended(nexus, command_id)
  deepEqual([status, status_reason], ['failed', 'outcome_unknown'])
  await until('it is aborted', async () => reason !== undefined)
  equal((reason as DeviceError).code, 'lease_lost')
  deepEqual(errors, [])
})

test('what is given again under a new lease while it runs goes on, and is answered once it has ended', async (t) => {
  const nexus = await startTestNexus(t)
  const key = await keyOf(nexus)
  const relay = await startTcpRelay(t, nexus.url)
  const { device } = await deviceOf(t, nexus, { key, url: relay.url })
  const { handler, begun, go, hasBegun } = held()
  device.on('hold', handler)
  await device.start()
  const { command_id } = await submit(nexus, 'hold', { delivery: { max_attempts: 3 } })
  await hasBegun()
  relay.cut()
  // The server takes what the device has for lost.
  const another = createClient({ url: nexus.url, apiKey: key, retry })
  await until('it is in other hands', async () => {
    await another.commands.lease({ device_id: 'd', have: [] })
    const { executions } = await nexus.client.commands.executions.list({ command_id })
    return executions[0]!.attempt >= 2
  })
  relay.mend()
  await until('it was given again', async () => {
    const { executions } = await nexus.client.commands.executions.list({ command_id })
    return executions[0]!.attempt >= 2 && executions[0]!.delivered_at !== null
  })
  go()
  const { status, result } = await ended(nexus, command_id)
  deepEqual([status, fieldsOf(result).run, begun.length, begun[0]!.signal.aborted], ['completed', 1, 1, false])
})

test('where no WebSocket can be opened a device polls, and says so', async (t) => {
  const nexus = await startTestNexus(t)
  const client = createClient({
    url: nexus.url,
    apiKey: await keyOf(nexus),
    retry,
    WebSocket: class {
      constructor() {
        throw new Error('blocked')
      }
    } as unknown as typeof WebSocket,
  })
  const device = client.device('d', { onError: () => {} }).on('x', () => 7)
  t.after(() => device.stop())
  await device.start()
  const { status, result } = await ended(nexus, (await submit(nexus, 'x')).command_id)
  deepEqual([status, fieldsOf(result).data], ['completed', 7])
})

test('a device whose WebSocket breaks and cannot be opened again polls meanwhile, and goes back to one', async (t) => {
  const nexus = await startTestNexus(t)
  const sockets: WebSocket[] = []
  let isSilent = false
  class Flaky extends WebSocket {
    constructor(...args: ConstructorParameters<typeof WebSocket>) {
      super(isSilent ? silent.url : args[0], args[1])
      sockets.push(this)
    }
  }
  const silent = await startSilentServer(t)
  const client = createClient({ url: nexus.url, apiKey: await keyOf(nexus), retry, timeoutMs: 5000, WebSocket: Flaky })
  const errors: Error[] = []
  const device = client.device('d', { onError: (error) => errors.push(error) }).on('x', () => 7)
  t.after(() => device.stop({ graceMs: 0 }))
  const receives = (count: number) => async () =>
    (await (await nexus.request('/metrics')).text()).includes(`nexus_devices_receiving ${count}`)
  await device.start()
  await until('it is connected', receives(1))
  isSilent = true
  sockets[0]!.close()
  await until('it is not', receives(0))
  for (let i = 0; i < 2; i++) {
    const { status, result } = await ended(nexus, (await submit(nexus, 'x')).command_id)
    deepEqual([status, fieldsOf(result).data], ['completed', 7])
  }
  deepEqual([sockets.length, errors.length], [2, 1])
  isSilent = false
  silent.cut()
  await until('it is connected again', receives(1))
  equal((await ended(nexus, (await submit(nexus, 'x')).command_id)).status, 'completed')
})

test('what runs on a device that was replaced goes on, and its result counts', async (t) => {
  const nexus = await startTestNexus(t)
  const key = await keyOf(nexus)
  // Neither drives out the other again.
  const client = createClient({ url: nexus.url, apiKey: key, retry: { initialDelayMs: 60_000, maxDelayMs: 60_000 } })
  const errors: Error[] = []
  const [device, other] = [0, 1].map(() => client.device('d', { onError: (error) => errors.push(error) }))
  t.after(() => Promise.all([device!.stop({ graceMs: 0 }), other!.stop({ graceMs: 0 })]))
  const { handler, hasBegun, go, begun } = held()
  device!.on('hold', handler)
  await device!.start()
  const { command_id } = await submit(nexus, 'hold')
  await hasBegun()
  await other!.start()
  await until('it was replaced', async () => errors.length > 0)
  equal((errors[0] as NexusError).details?.reason, 'device_replaced')
  go()
  const { status, result } = await ended(nexus, command_id)
  deepEqual([status, fieldsOf(result).run, begun.length], ['completed', 1, 1])
})

test('processes that take the place of one another before they have confirmed run no command twice', async (t) => {
  const nexus = await startTestNexus(t)
  const key = await keyOf(nexus)
  const runs = new Map<string, number>()
  const start = async () => {
    const acks = heldAcks()
    // None drives out another again.
    const retry = { initialDelayMs: 60_000, maxDelayMs: 60_000 }
    const client = createClient({ url: nexus.url, apiKey: key, retry, ...acks.options })
    const device = client.device('d', { onError: () => {} }).onAny(({ command_id }) => {
      runs.set(command_id, (runs.get(command_id) ?? 0) + 1)
    })
    t.after(() => device.stop({ graceMs: 0, lastWordsMs: 200 }))
    await device.start()
    return { device, ...acks }
  }
  const submitted: string[] = []
  const processes: Awaited<ReturnType<typeof start>>[] = []
  for (let n = 0; n < 4; n++) {
    for (let i = 0; i < 3; i++) submitted.push((await submit(nexus, 'x')).command_id)
    processes.push(await start())
    await until('it would confirm', async () => processes[n]!.count() >= 3)
    // Whoever was there before says only now that he has what the next one was given too.
    if (n > 0) processes[n - 1]!.release()
  }
  processes.at(-1)!.release()
  for (const id of submitted) equal((await ended(nexus, id)).status, 'completed')
  await Promise.all(processes.map(({ device }) => device.stop()))
  deepEqual(
    submitted.map((id) => runs.get(id)),
    submitted.map(() => 1),
  )
})

test('a device whose key is refused says so again and again, and ends nothing', async (t) => {
  const nexus = await startTestNexus(t)
  for (const [transport, code] of [
    ['websocket', 'FORBIDDEN'],
    ['long-poll', 'FORBIDDEN'],
  ] as const) {
    const { key } = await nexus.as({ scopes: ['telemetry:write'] })
    const { device, errors } = await deviceOf(t, nexus, { key, transport })
    await device.start()
    await until('it is told', async () => errors.length > 1)
    ok(errors.every((error) => (error as DeviceError).code === code))
    await device.stop()
  }
})
