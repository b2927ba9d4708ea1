import { equal, ok } from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { json, startTestNexus } from '../testing/nexus.ts'
import { RawConnection } from '../testing/raw-connection.ts'

test('requests that a client sends in one go take effect in their order, and are answered one after the other', async (t) => {
  const nexus = await startTestNexus(t)
  const connection = await RawConnection.open(nexus.url)
  t.after(() => connection.socket.destroy())
  const count = 12
  const request = (m: number) => {
    const frame = { device_id: 'd', timestamp: 1762134834518, metrics: { m } }
    const many = m % 3 === 0
    const body =
      m % 2 === 0
        ? gzipSync(JSON.stringify(many ? [frame] : frame))
        : Buffer.from(JSON.stringify(many ? [frame] : frame))
    const lines = [
      `POST /v1/telemetry/frames${many ? '/batch' : ''} HTTP/1.1`,
      `Host: nexus`,
      `Authorization: Bearer ${nexus.key}`,
      'Content-Type: application/json',
      ...(m % 2 === 0 ? ['Content-Encoding: gzip'] : []),
      `Content-Length: ${body.length}`,
    ]
    return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), body])
  }
  await connection.send(Buffer.concat(Array.from({ length: count }, (_, i) => request(i))))
  for (let i = 0; i < count; i++) equal((await connection.answer())?.status, 201)
  const { devices } = await nexus.client.telemetry.latest()
  equal(devices[0]?.metrics.m?.value, count - 1)
})

test('a client that asks for much and reads nothing has one answer in the making at a time', async (t) => {
  const nexus = await startTestNexus(t)
  const metrics = { text: 'x'.repeat(8000) }
  const frames = Array.from({ length: 1000 }, (_, i) => ({ device_id: 'd', timestamp: 1762134834 + i, metrics }))
  equal((await nexus.request('/v1/telemetry/frames/batch', json(frames))).status, 201)
  const connection = await RawConnection.open(nexus.url)
  t.after(() => connection.socket.destroy())
  connection.socket.pause()
  const questions = async () => {
    const text = await (await nexus.request('/metrics')).text()
    return Number(/^nexus_query_duration_seconds_count (\d+)/m.exec(text)![1])
  }
  const before = await questions()
  const query = '/v1/telemetry/query?start_time=1762134834&end_time=1762136000&metrics=text&limit=1000'
  const head = `GET ${query} HTTP/1.1\r\nHost: nexus\r\nAuthorization: Bearer ${nexus.key}\r\n\r\n`
  await connection.send(head.repeat(20))
  // Others are answered meanwhile, and time enough passes for all twenty.
  for (let i = 0; i < 20; i++) equal((await nexus.request(query)).status, 200)
  const asked = await questions()
  ok(asked - before <= 20 + 2, `the store was asked ${asked - before} times`)
})

test('what a client sends behind a stream that never ends is left unread, however much it is', async (t) => {
  const nexus = await startTestNexus(t)
  const connection = await RawConnection.open(nexus.url)
  t.after(() => connection.socket.destroy())
  const auth = `Host: nexus\r\nAuthorization: Bearer ${nexus.key}\r\n`
  await connection.send(`GET /v1/events/stream HTTP/1.1\r\n${auth}\r\n`)
  equal((await connection.answer())?.status, 200)
  let begun = 0
  const count = () => void begun++
  subscribe('http.server.request.start', count)
  t.after(() => unsubscribe('http.server.request.start', count))
  connection.socket.write(largeRequest(auth).repeat(10_000))
  // Others are answered meanwhile, and time enough passes for thousands.
  for (let i = 0; i < 50; i++) equal((await nexus.request('/healthz')).status, 200)
  ok(begun - 50 < 50, `${begun - 50} requests were read`)
})

test('whatever a client sends in one go is read to its end', async (t) => {
  const nexus = await startTestNexus(t)
  const connection = await RawConnection.open(nexus.url)
  t.after(() => connection.socket.destroy())
  connection.socket.write(largeRequest('Host: nexus\r\n').repeat(300))
  for (let i = 0; i < 300; i++) equal((await connection.answer())?.status, 200)
})

/** So large that few of them are read at a time. */
function largeRequest(headers: string): string {
  return `GET /healthz HTTP/1.1\r\n${headers}X-Padding: ${'x'.repeat(8000)}\r\n\r\n`
}
