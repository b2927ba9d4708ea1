import { deepEqual, equal, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import { type ChannelMessage, createClient, type NexusError } from '@nexus/sdk'
import { startTestNexus, testFolder } from '../../testing/nexus.ts'
import { startTcpRelay } from '../../testing/tcp-relay.ts'
import { until } from '../../testing/until.ts'

const frame = (n: number) => ({ device_id: `d${n % 3}`, timestamp: 1762134000 + n, metrics: { n } })
const retry = { initialDelayMs: 1, maxDelayMs: 5 }
const numberOf = (message: ChannelMessage | undefined) => (message!.payload as { metrics: { n: number } }).metrics.n

async function take(stream: AsyncIterator<ChannelMessage, undefined>, count: number): Promise<number[]> {
  const taken: number[] = []
  while (taken.length < count) taken.push(numberOf((await stream.next()).value))
  return taken
}

test('subscriptions share a connection that breaks again and again, and get each message once, in order', async (t) => {
  const nexus = await startTestNexus(t)
  const relay = await startTcpRelay(t, nexus.url)
  const client = createClient({ url: relay.url, apiKey: nexus.key, retry })
  const all = client.subscribe('telemetry', { after: 'earliest' })
  const some = client.subscribe('events', {
    filters: { event_types: 'telemetry.*', device_id: 'd1' },
    after: 'earliest',
  })
  const count = 300
  const writing = (async () => {
    for (let n = 0; n < count; n++) {
      await nexus.client.telemetry.frames.send(frame(n))
      if (n % 50 === 25) relay.cut()
      if (n % 50 === 30) relay.mend()
    }
  })()
  const [every, third] = await Promise.all([take(all, count), take(some, count / 3), writing])
  deepEqual(
    every,
    Array.from({ length: count }, (_, n) => n),
  )
  deepEqual(
    third,
    Array.from({ length: count / 3 }, (_, n) => n * 3 + 1),
  )
  await all.return!()
  await some.return!()
})

test('a subscription outlives a restart of the server, and is told what it lost', async (t) => {
  const dataDir = testFolder(t)
  const first = await startTestNexus(t, { dataDir })
  const { port } = new URL(first.url)
  const stream = createClient({ url: first.url, apiKey: first.key, retry }).subscribe('telemetry', {
    after: 'earliest',
  })
  await first.client.telemetry.frames.send(frame(1))
  deepEqual(await take(stream, 1), [1])
  await first.stop()
  const second = await startTestNexus(t, { dataDir, port: Number(port), adminKey: first.key })
  equal((await stream.next()).value!.type, 'stream.gap')
  await second.client.telemetry.frames.send(frame(2))
  deepEqual(await take(stream, 1), [2])
  await stream.return!()
})

test('a reader that rests gets everything when it comes back', async (t) => {
  const nexus = await startTestNexus(t)
  const stream = createClient({ url: nexus.url, apiKey: nexus.key }).subscribe('telemetry', { after: 'earliest' })
  await nexus.client.telemetry.frames.send(frame(0))
  deepEqual(await take(stream, 1), [0])
  const count = 25_000
  for (let n = 1; n < count; n += 1000) {
    const frames = Array.from({ length: Math.min(1000, count - n) }, (_, i) => frame(n + i))
    await nexus.client.telemetry.frames.batch({ frames })
  }
  deepEqual(
    await take(stream, count - 1),
    Array.from({ length: count - 1 }, (_, n) => n + 1),
  )
  await stream.return!()
})

test('what no repetition mends ends a subscription with its error, and the others go on', async (t) => {
  const nexus = await startTestNexus(t)
  const { key, client: reader } = await nexus.as({ scopes: ['telemetry:read'] })
  const client = createClient({ url: nexus.url, apiKey: key, retry })
  const kept = client.subscribe('telemetry', { after: 'earliest' })
  const first = kept.next()
  await rejects(
    client.subscribe('tasks').next(),
    (error: NexusError) => error.code === 'FORBIDDEN' && error.status === 403,
  )
  await rejects(client.subscribe('telemetry', { filters: { a: { $near: 1 } } }).next(), { code: 'INVALID_REQUEST' })
  await rejects(client.subscribe('telemetry', { filters: { a: 'x'.repeat(70_000) } }).next(), {
    code: 'INVALID_REQUEST',
  })
  await nexus.client.telemetry.frames.send(frame(1))
  equal(numberOf((await first).value), 1)
  const { keys } = await nexus.client.auth.keys.list({})
  const { key_id } = keys.find(({ prefix }) => key.startsWith(prefix))!
  const last = kept.next()
  await nexus.client.auth.keys.revoke({ key_id })
  await rejects(last, { code: 'UNAUTHORIZED' })
  await rejects(reader.subscribe('telemetry').next(), { code: 'UNAUTHORIZED' })
  await rejects(
    createClient({ url: 'ftp://nowhere', apiKey: key }).subscribe('tasks').next(),
    /no WebSocket can be made/,
  )
})

test('an aborted subscription throws the reason, and a reader that leaves closes the connection', async (t) => {
  const nexus = await startTestNexus(t)
  const client = createClient({ url: nexus.url, apiKey: nexus.key })
  const controller = new AbortController()
  const stream = client.subscribe('telemetry', {}, { signal: controller.signal })
  const next = stream.next()
  controller.abort(new Error('enough'))
  await rejects(next, /enough/)
  for (const channel of ['telemetry', 'tasks'] as const) {
    const left = client.subscribe(channel)
    const waiting = left.next()
    await left.return!()
    deepEqual(await waiting, { done: true, value: undefined })
  }
  await until('the connection is closed', async () => {
    const metrics = await (await nexus.request('/metrics')).text()
    return metrics.includes('nexus_connections{transport="websocket"} 0')
  })
})
