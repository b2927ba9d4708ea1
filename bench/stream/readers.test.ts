import { equal, rejects } from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { WebSocketServer } from 'ws'
import { requestHead, textFrame, upgradeRequest } from './client-frames.ts'
import { openReaders, openSubscription } from './readers.ts'

const stream = { steps: [{ send: requestHead('/', {}), answer: ': hello' }], keepAlive: undefined }

async function httpServer(t: TestContext, onStream: (res: ServerResponse) => void, status = 200) {
  const server = createServer((_, res) => {
    res.writeHead(status).write(': hello\n\n')
    onStream(res)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return server
}

const portOf = (server: { address(): unknown }) => (server.address() as AddressInfo).port

async function readersOf(t: TestContext, port: number, count: number) {
  const readers = await openReaders(port, Array(count).fill(stream))
  t.after(() => readers.close())
  return readers
}

test('readers count what each of them gets, however it is cut into pieces', async (t) => {
  const streams: ServerResponse[] = []
  const server = await httpServer(t, (res) => streams.push(res))
  const readers = await readersOf(t, portOf(server), 3)
  for (let round = 0; round < 2; round += 1) {
    const all = readers.untilEachHas(3)
    for (const res of streams) res.write('one | tw', () => res.write('o | three', () => res.write(' |')))
    await all
  }
  equal(readers.messages, 18)
})

test('a reader that gets more than its share is found, though the sum is right', async (t) => {
  const streams: ServerResponse[] = []
  const server = await httpServer(t, (res) => streams.push(res))
  const readers = await readersOf(t, portOf(server), 2)
  const all = readers.untilEachHas(2)
  streams[0]!.write('| | |')
  streams[1]!.write('|')
  await rejects(all, /reader \d has [13] messages, not 2/)
})

test('a stream that ends fails who waits for it', async (t) => {
  const streams: ServerResponse[] = []
  const server = await httpServer(t, (res) => streams.push(res))
  const readers = await readersOf(t, portOf(server), 1)
  const all = readers.untilEachHas(1)
  streams[0]!.destroy()
  await rejects(all, /the server closed reader 0/)
})

test('a refusal is told with what the server said', async (t) => {
  const server = await httpServer(t, () => {}, 429)
  await rejects(openReaders(portOf(server), [stream]), /refused: HTTP\/1.1 429/)
})

test('what a client of WebSocket is made to write is understood, short or long', async (t) => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await once(server, 'listening')
  t.after(() => server.close())
  server.on('connection', (socket) => socket.on('message', (data) => socket.send(`got ${String(data).length}`)))
  const texts = ['short', 'x'.repeat(126), 'y'.repeat(60_000)]
  const steps = texts.map((text) => ({ send: textFrame(text), answer: `got ${text.length}` }))
  const first = { send: upgradeRequest('/'), answer: 'HTTP/1.1 101' }
  const socket = await openSubscription(portOf(server), 0, { steps: [first, ...steps], keepAlive: undefined }, () => {})
  socket.destroy()
})
