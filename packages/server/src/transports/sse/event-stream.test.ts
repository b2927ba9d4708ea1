import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { type TestContext, test } from 'node:test'
import { EventSource } from 'eventsource'
import { envelopeIn } from '../../testing/error-check.ts'
import { startTestNexus } from '../../testing/nexus.ts'
import { until } from '../../testing/until.ts'

type Nexus = Awaited<ReturnType<typeof startTestNexus>>

interface Message {
  event: string
  id: string | undefined
  data: Record<string, unknown>
}

/** Opens a stream and gathers what it says. */
async function follow(t: TestContext, nexus: Nexus, query = '', headers: Record<string, string> = {}) {
  const request = get(`${nexus.url}/v1/events/stream${query}`, {
    headers: { authorization: `Bearer ${nexus.key}`, ...headers },
  })
  t.after(() => request.destroy())
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  const stream = { response, start: '', ended: false, messages: [] as Message[], close: () => request.destroy() }
  let unread = ''
  response.setEncoding('utf8')
  response.on('data', (chunk: string) => {
    if (stream.start.length < 200) stream.start += chunk
    const blocks = (unread + chunk).split('\n\n')
    unread = blocks.pop()!
    stream.messages.push(...blocks.flatMap(messageIn))
  })
  response.on('end', () => {
    stream.ended = true
  })
  response.on('error', () => {})
  return stream
}

/** A block of lines; comments alone are no message. */
function messageIn(block: string): Message[] {
  const fields = new Map(block.split('\n').map((line) => line.split(/: (.*)/s, 2) as [string, string]))
  if (!fields.has('data')) return []
  return [{ event: fields.get('event')!, id: fields.get('id'), data: JSON.parse(fields.get('data')!) }]
}

const frame = (device_id: string, n: number) => ({
  device_id,
  timestamp: 1762134000 + n,
  metrics: { n },
  tags: { of: 'test' },
})

test('a stream begins as EventSource wants it, and carries frames word for word', async (t) => {
  const nexus = await startTestNexus(t)
  const stream = await follow(t, nexus, '?event_types=telemetry.frame')
  equal(stream.response.statusCode, 200)
  const { headers } = stream.response
  equal(headers['content-type'], 'text/event-stream; charset=utf-8')
  equal(headers['cache-control'], 'no-store, no-transform')
  equal(headers['x-accel-buffering'], 'no')
  equal(headers['x-content-type-options'], 'nosniff')
  ok(headers['x-ratelimit-limit'] && headers['x-request-id'])
  await nexus.client.telemetry.frames.send({
    ...frame('d', 1),
    metrics: { n: 1, o: { a: { b: 2 } }, l: [1, 2] },
  } as never)
  await until('the frame arrives', async () => stream.messages.length === 1)
  match(stream.start, /^retry: 3000\n: connected\n\nid: evt-\d+\n\nevent: telemetry\.frame\nid: evt-\d+\ndata: \{/)
  deepEqual(stream.messages[0]!.data, {
    device_id: 'd',
    timestamp: '2025-11-03T01:40:01Z',
    metrics: { n: 1, o: { a: { b: 2 } }, l: [1, 2] },
    tags: { of: 'test' },
  })
})

test('who comes back with the last id gets what came meanwhile, once', async (t) => {
  const nexus = await startTestNexus(t)
  const frames = '?event_types=telemetry.frame'
  const first = await follow(t, nexus, frames)
  await nexus.client.telemetry.frames.send(frame('d', 1))
  await until('the frame arrives', async () => first.messages.length === 1)
  first.close()
  for (const n of [2, 3]) await nexus.client.telemetry.frames.send(frame('d', n))
  const again = await follow(t, nexus, frames, { 'last-event-id': first.messages[0]!.id! })
  await nexus.client.telemetry.frames.send(frame('d', 4))
  await until('all arrive', async () => again.messages.length >= 3)
  deepEqual(
    again.messages.map(({ data }) => (data.metrics as { n: number }).n),
    [2, 3, 4],
  )
})

test('a client of HTTP/1.0 is sent events without chunks, and one of HTTP/1.1 in chunks that end with the stream', async (t) => {
  const nexus = await startTestNexus(t)
  const { hostname, port } = new URL(nexus.url)
  const texts = ['1.0', '1.1'].map(async (version) => {
    const socket = connect(Number(port), hostname).setEncoding('utf8')
    t.after(() => socket.destroy())
    socket.write(`GET /v1/events/stream?token=${nexus.key} HTTP/${version}\r\nhost: a\r\nconnection: close\r\n\r\n`)
    let text = ''
    for await (const part of socket) {
      text += part
      if (!text.includes('stream.shutdown') && text.includes('"n":1')) void nexus.stop()
    }
    return text
  })
  await until('both are open', async () => (await nexus.request('/metrics')).text().then((all) => /sse"} 2/.test(all)))
  await nexus.client.telemetry.frames.send(frame('d', 1))
  const [plain = '', chunked = ''] = await Promise.all(texts)
  match(plain, /\r\n\r\nretry: 3000\n: connected\n\nid: evt-\d+\n\n(?:event: [^\r]+)+$/)
  match(chunked, /transfer-encoding: chunked/i)
  match(chunked, /\r\n\r\n[\da-f]+\r\nretry: 3000\n[^\r]+\r\n(?:[\da-f]+\r\nevent: [^\r]+\r\n)+0\r\n\r\n$/)
})

test('a browser EventSource follows with the key in the address', async (t) => {
  const nexus = await startTestNexus(t)
  const source = new EventSource(`${nexus.url}/v1/events/stream?event_types=telemetry.frame&token=${nexus.key}`)
  t.after(() => source.close())
  await new Promise((resolve) => source.addEventListener('open', resolve))
  const heard = new Promise<MessageEvent>((resolve) => source.addEventListener('telemetry.frame', resolve as never))
  await nexus.client.telemetry.frames.send(frame('d', 7))
  const message = await heard
  deepEqual(JSON.parse(message.data).metrics, { n: 7 })
  match(message.lastEventId, /^evt-\d+$/)
})

test('the SDK follows, with filters as objects', async (t) => {
  const nexus = await startTestNexus(t)
  const stream = nexus.client.events.stream({
    event_types: 'telemetry.frame',
    filters: { 'metrics.n': { $gt: 1 } },
    last_event_id: 'earliest',
  })
  for (const n of [1, 2]) await nexus.client.telemetry.frames.send(frame('d', n))
  const { value } = await stream.next()
  deepEqual([value.type, (value.data as { metrics: object }).metrics], ['telemetry.frame', { n: 2 }])
  await stream.return?.(undefined as never)
})

test('of a large batch of one device a reader that keeps up gets every frame', async (t) => {
  const nexus = await startTestNexus(t)
  const stream = await follow(t, nexus, '?event_types=telemetry.frame')
  for (const size of [101, 600, 5000]) {
    stream.messages.length = 0
    await nexus.client.telemetry.frames.batch({ frames: Array.from({ length: size }, (_, n) => frame('d', n)) })
    await until(`all ${size} arrive`, async () => stream.messages.length >= size)
    deepEqual(
      stream.messages.map(({ data }) => (data.metrics as { n: number }).n),
      Array.from({ length: size }, (_, n) => n),
    )
  }
})

test('what is asked wrongly is refused as an error like any other', async (t) => {
  const nexus = await startTestNexus(t)
  const asked: [query: string, status: number, field: string][] = [
    ['?event_types=task.done', 400, 'event_types'],
    ['?filters={', 400, 'filters'],
    ['?filters={"a":{"$near":1}}', 400, 'filters.a.$near'],
    ['?last_event_id=7', 400, 'last_event_id'],
    ['?since=yesterday', 400, 'since'],
    ['?colour=red', 400, 'colour'],
    ['?event_types=command.failed&event_types=task.failed', 400, 'event_types'],
  ]
  for (const [query, status, field] of asked) {
    const answer = await nexus.request(`/v1/events/stream${query}`)
    equal(answer.status, status, query)
    equal(envelopeIn(await answer.text(), status).details.field, field, query)
  }
  const unauthorised = await nexus.request('/v1/events/stream?token=nxs_nothing', { key: null as never })
  equal(unauthorised.status, 401)
  const { key } = await nexus.client.auth.keys.create({ name: 'reader', scopes: ['telemetry:read'] })
  equal((await nexus.request('/v1/events/stream?event_types=task.failed', { key })).status, 403)
})

test('a stream ends with a word when its key is revoked or permits less, and when the server stops', async (t) => {
  const nexus = await startTestNexus(t)
  const { key, key_id } = await nexus.client.auth.keys.create({ name: 'reader', scopes: ['telemetry:read'] })
  const revoked = await follow(t, nexus, '', { authorization: `Bearer ${key}` })
  const kept = await follow(t, nexus)
  await nexus.client.auth.keys.revoke({ key_id })
  await until('the stream of the revoked key ends', async () => revoked.ended)
  deepEqual(
    revoked.messages.map(({ event }) => event),
    ['stream.expired'],
  )
  equal(kept.ended, false)
  const narrowed = await nexus.client.auth.keys.create({ name: 'both', scopes: ['telemetry:read', 'task:read'] })
  const wide = await follow(t, nexus, '', { authorization: `Bearer ${narrowed.key}` })
  await nexus.client.auth.keys.update({ key_id: narrowed.key_id, scopes: ['task:read'] })
  await until('the stream of the key that permits less ends', async () => wide.ended)
  await nexus.stop()
  await until('the other one ends', async () => kept.ended)
  deepEqual(
    kept.messages.map(({ event, id }) => [event, id]),
    [['stream.shutdown', undefined]],
  )
})

test('of a hundred streams no other is opened, and those whose clients go make room', async (t) => {
  const nexus = await startTestNexus(t)
  const streams = await Promise.all(Array.from({ length: 100 }, () => follow(t, nexus)))
  const refused = await nexus.request('/v1/events/stream')
  equal(envelopeIn(await refused.text(), 429).details.reason, 'too_many_streams')
  streams[0]!.close()
  await until('there is room again', async () => {
    const again = await follow(t, nexus)
    return again.response.statusCode === 200
  })
})

test('a reader that does not read costs others nothing, and is told what it lost', async (t) => {
  const nexus = await startTestNexus(t)
  const lazy = await follow(t, nexus, '?event_types=telemetry.frame')
  lazy.response.pause()
  const eager = await follow(t, nexus, '?event_types=telemetry.frame')
  const text = 'x'.repeat(4000)
  const frames = Array.from({ length: 3000 }, (_, n) => ({ ...frame(`d${n}`, n), metrics: { text } }))
  for (let i = 0; i < frames.length; i += 300) {
    await nexus.client.telemetry.frames.batch({ frames: frames.slice(i, i + 300) })
    await until('the eager reader keeps up', async () => eager.messages.length === i + 300)
  }
  lazy.response.resume()
  await until('the lazy one ends', async () => lazy.ended)
  equal(lazy.messages.at(-1)!.event, 'stream.overflow')
  ok(lazy.messages.length < 3000)
  const resumed = await follow(t, nexus, '?event_types=telemetry.frame', { 'last-event-id': lazy.messages.at(-2)!.id! })
  await until('the rest is replayed', async () => resumed.messages.length === 3001 - lazy.messages.length)
})
