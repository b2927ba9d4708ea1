import { deepEqual, equal, rejects } from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { createClient } from './client.ts'

type Answer = (response: ServerResponse) => void

/** A server that answers one connection after another, and remembers what they asked for. */
async function serve(t: TestContext, ...answers: Answer[]) {
  const asked: URLSearchParams[] = []
  const server = createServer((request, response) => {
    asked.push(new URL(request.url!, 'http://a').searchParams)
    const answer = answers[Math.min(asked.length, answers.length) - 1]!
    answer(response)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const waits: number[] = []
  const retry = { random: () => 0, sleep: async (ms: number) => void waits.push(ms) }
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { asked, waits, client: createClient({ url, apiKey: 'k', retry }) }
}

const streaming = (response: ServerResponse, text: string) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.write(text)
}
const event = (n: number) => `event: task.failed\nid: evt-${n}\ndata: {"n":${n}}\n\n`

async function take(stream: AsyncIterable<{ type: string; data: object }>, count: number) {
  const taken: object[] = []
  for await (const { type, data } of stream) if (taken.push({ type, ...data }) === count) break
  return taken
}

test('a stream that breaks goes on after the last event, and waits longer each time in vain', async (t) => {
  const { client, asked, waits } = await serve(
    t,
    (response) => {
      streaming(response, `retry: 1\n: hello\n\n${event(1)}${event(2)}event: task.fai`)
      response.socket!.destroySoon()
    },
    (response) => response.socket!.destroy(),
    (response) => response.writeHead(503).end(),
    (response) => {
      streaming(response, `${event(3)}event: stream.shutdown\ndata: {}\n\n`)
      response.end()
    },
    (response) => streaming(response, event(4)),
  )
  const events = await take(client.events.stream({ event_types: 'task.*', filters: { a: [1] } }), 4)
  deepEqual(
    events,
    [1, 2, 3, 4].map((n) => ({ type: 'task.failed', n })),
  )
  deepEqual(
    asked.map((query) => query.get('last_event_id')),
    [null, 'evt-2', 'evt-2', 'evt-2', 'evt-3'],
  )
  equal(asked[0]!.get('filters'), '{"a":[1]}')
  deepEqual(waits, [1000, 2000, 4000])
})

test('a stream that breaks before its first event misses nothing either', async (t) => {
  const { client, asked } = await serve(
    t,
    (response) => {
      streaming(response, 'id: evt-7\n\n')
      response.end()
    },
    (response) => streaming(response, event(8)),
  )
  await take(client.events.stream({ since: '2025-11-03T00:00:00Z' }), 1)
  deepEqual(
    asked.map((query) => [query.get('since'), query.get('last_event_id')]),
    [
      ['2025-11-03T00:00:00Z', null],
      [null, 'evt-7'],
    ],
  )
})

test('a gap is told, a refusal ends the stream, and so does the signal', async (t) => {
  const gap = 'event: stream.gap\ndata: {"requested":"evt-1","first_available":"evt-9"}\n\n'
  const body = JSON.stringify({ error: { code: 'UNAUTHORIZED', message: 'no', details: {} } })
  const { client } = await serve(
    t,
    (response) => {
      streaming(response, gap)
      response.end()
    },
    (response) => response.writeHead(401).end(body),
    (response) => streaming(response, event(1)),
  )
  const stream = client.events.stream()
  deepEqual((await stream.next()).value, {
    type: 'stream.gap',
    id: undefined,
    data: { requested: 'evt-1', first_available: 'evt-9' },
  })
  await rejects(stream.next(), { code: 'UNAUTHORIZED' })

  const leaving = new AbortController()
  const endless = client.events.stream({}, { signal: leaving.signal })
  await endless.next()
  const next = endless.next()
  leaving.abort(new Error('enough'))
  await rejects(next, /enough/)
})

test('a reader that leaves ends its own call that waits, and the connection', async (t) => {
  const closed = Promise.withResolvers<void>()
  const { client } = await serve(t, (response) => {
    response.on('close', closed.resolve)
    streaming(response, event(1))
  })
  const stream = client.events.stream()
  await stream.next()
  const next = stream.next()
  await stream[Symbol.asyncDispose]()
  deepEqual(await next, { done: true, value: undefined })
  await closed.promise
})
