import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { once } from 'node:events'
import { get } from 'node:http'
import { connect } from 'node:net'
import { test } from 'node:test'
import { envelopeIn } from '../../testing/error-check.ts'
import { startTestNexus } from '../../testing/nexus.ts'
import { RawConnection } from '../../testing/raw-connection.ts'
import { until } from '../../testing/until.ts'
import { bearer, openWs } from '../../testing/ws-client.ts'

test('a connection is opened by a header, a subprotocol, a token or a ticket, and tells what every answer does', async (t) => {
  const nexus = await startTestNexus(t)
  const { ticket } = await nexus.client.auth.tickets.create({})
  const protocols = ['nexus.v1', `nexus.bearer.${Buffer.from(nexus.key).toString('base64url')}`]
  for (const shown of [{}, { protocols }, { query: `?token=${nexus.key}` }, { query: `?ticket=${ticket}` }]) {
    const client = await openWs(t, nexus, shown)
    equal((await client.ask('ping')).type, 'pong')
    equal(client.ws.protocol, 'protocols' in shown ? 'nexus.v1' : '')
  }
  const request = get(`${nexus.url}/v1`, {
    headers: { ...bearer(nexus.key), ...upgrade, 'x-request-id': 'mine' },
  })
  const [response] = await once(request, 'upgrade')
  response.socket.destroy()
  equal(response.statusCode, 101)
  for (const name of ['x-content-type-options', 'x-ratelimit-limit', 'x-ratelimit-remaining'])
    ok(response.headers[name], name)
  equal(response.headers['x-request-id'], 'mine')
})

const upgrade = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': Buffer.alloc(16).toString('base64'),
}

test('whoever may not in is told in a message and by the close code', async (t) => {
  const nexus = await startTestNexus(t, { connectionsPerKey: 2 })
  const { ticket } = await nexus.client.auth.tickets.create({})
  ;(await openWs(t, nexus, { query: `?ticket=${ticket}` })).ws.close()
  const wrong = [
    { headers: {} },
    { query: '?token=nonsense' },
    { headers: bearer('nonsense'), query: `?token=${nexus.key}` },
    { query: `?ticket=${ticket}` },
    { protocols: ['nexus.v1', 'nexus.bearer.nonsense'] },
  ]
  for (const shown of wrong) {
    const client = await openWs(t, nexus, shown)
    equal((await client.closed).code, 4000)
    equal((client.messages[0]!.payload as { code: string }).code, 'UNAUTHORIZED')
  }
  const kept = [await openWs(t, nexus), await openWs(t, nexus)]
  const third = await openWs(t, nexus)
  deepEqual(await third.closed, { code: 4001, reason: 'too_many_connections' })
  kept[0]!.ws.close()
  await until('there is room again', async () => {
    const again = await openWs(t, nexus)
    return (await Promise.race([again.closed, again.ask('ping')])) as object
  })
})

test('what is no handshake is answered like any other request', async (t) => {
  const nexus = await startTestNexus(t)
  const raw = await RawConnection.open(nexus.url)
  const ask = (path: string, headers: Record<string, string>) => {
    const lines = Object.entries({ host: 'a', ...bearer(nexus.key), ...headers }).map(
      ([name, value]) => `${name}: ${value}`,
    )
    return `GET ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`
  }
  t.after(() => raw.socket.destroy())
  await raw.send(ask('/v1/nothing', upgrade))
  equal((await raw.answer())!.status, 404)
  await raw.send(ask('/v1/events', { connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c', 'http2-settings': '' }))
  equal((await raw.answer())!.status, 200)
  await raw.send(ask('/v1', {}))
  const plain = (await raw.answer())!
  deepEqual([plain.status, plain.headers.upgrade], [426, 'websocket'])
  equal(envelopeIn(plain.body, 426).code, 'INVALID_REQUEST')
  await raw.send(ask('/v1', { ...upgrade, 'sec-websocket-version': '7' }))
  const old = (await raw.answer())!
  deepEqual([old.status, old.headers['sec-websocket-version']], [426, '13'])
  equal(envelopeIn(old.body, 426).details.field, 'Sec-WebSocket-Version')
  ok(old.headers['x-content-type-options'])
})

test('a connection ends with a word when its key is revoked, and when the server stops', async (t) => {
  const nexus = await startTestNexus(t)
  const { key, key_id } = await nexus.client.auth.keys.create({ name: 'reader', scopes: ['telemetry:read'] })
  const { ticket } = (await (
    await nexus.request('/v1/auth/tickets', {
      key,
      method: 'POST',
      body: '{}',
      headers: { 'content-type': 'application/json' },
    })
  ).json()) as { ticket: string }
  const revoked = [
    await openWs(t, nexus, { headers: bearer(key) }),
    await openWs(t, nexus, { query: `?ticket=${ticket}` }),
  ]
  const kept = await openWs(t, nexus)
  await kept.subscribe('telemetry')
  await nexus.client.auth.keys.revoke({ key_id })
  for (const client of revoked) {
    deepEqual(await client.closed, { code: 1008, reason: 'key_changed' })
    equal(client.messages.at(-1)!.type, 'stream.expired')
  }
  await nexus.stop()
  deepEqual(await kept.closed, { code: 1001, reason: 'shutting_down' })
  equal(kept.messages.at(-1)!.type, 'stream.shutdown')
})

/** A handshake as bytes. */
const handshake = (key: string) => {
  const headers = { host: 'a', ...bearer(key), ...upgrade }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  return Buffer.from(`GET /v1 HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`)
}

/** A frame as a client sends it, masked with zeros. */
const clientFrame = (opcode: number, payload = '') =>
  Buffer.concat([Buffer.from([0x80 | opcode, 0x80 | payload.length, 0, 0, 0, 0]), Buffer.from(payload)])

test('what a client sends with its handshake is not lost, and what it asked before is answered first', async (t) => {
  const nexus = await startTestNexus(t)
  const { port } = new URL(nexus.url)
  const socket = connect(Number(port), '127.0.0.1')
  t.after(() => socket.destroy())
  let heard = ''
  socket.setEncoding('latin1').on('data', (chunk) => {
    heard += chunk
  })
  const before = Buffer.from(`GET /v1/devices HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${nexus.key}\r\n\r\n`)
  socket.write(Buffer.concat([before, handshake(nexus.key), clientFrame(1, '{"type":"ping","id":"p"}')]))
  await until('the pong comes', async () => heard.includes('"pong"'))
  match(heard, /^HTTP\/1\.1 200 OK[\s\S]*\{"devices":[\s\S]*HTTP\/1\.1 101 [\s\S]*"type":"pong","id":"p"/)
})

test('a stop does not wait for a client that has said goodbye and stays', async (t) => {
  const nexus = await startTestNexus(t, { stopSeconds: 60 })
  const { port } = new URL(nexus.url)
  const socket = connect(Number(port), '127.0.0.1')
  t.after(() => socket.destroy())
  socket.write(Buffer.concat([handshake(nexus.key), clientFrame(8)]))
  const [first] = await once(socket, 'data')
  match(String(first), /^HTTP\/1\.1 101 /)
  let ended = false
  const stopping = nexus.stop().then(() => {
    ended = true
  })
  await until('the server has stopped', async () => ended, 15_000)
  await stopping
})

test('a device is there while a connection with its key is, and is told to be gone when the last one closes', async (t) => {
  const nexus = await startTestNexus(t)
  const { key } = await nexus.as({ scopes: ['telemetry:write'], device_id: 'boiler-7' })
  const watcher = await openWs(t, nexus)
  await watcher.subscribe('events', { filters: { event_types: 'device.*' } })
  const statusOf = async () => (await nexus.client.devices.get({ device_id: 'boiler-7' })).status
  const told = (count: number) =>
    until(`${count} events come`, async () => watcher.messages.length === count + 1 && watcher.messages.slice(1))

  const traceId = '0af7651916cd43dd8448eb211c80319c'
  const headers = { ...bearer(key), traceparent: `00-${traceId}-b7ad6b7169203331-01` }
  const sockets = [await openWs(t, nexus, { headers }), await openWs(t, nexus, { headers })]
  equal(await statusOf(), 'online')
  sockets[0]!.ws.close()
  await sockets[0]!.closed
  equal(await statusOf(), 'online')
  sockets[1]!.ws.terminate()
  deepEqual(
    (await told(3)).map(({ type, payload: { device_id, status, reason } }) => [type, device_id, status, reason]),
    [
      ['device.registered', 'boiler-7', 'online', undefined],
      ['device.online', 'boiler-7', 'online', undefined],
      ['device.offline', 'boiler-7', 'offline', 'disconnected'],
    ],
  )
  const { events } = await nexus.client.traces.get({ trace_id: traceId })
  deepEqual(
    events.map(({ type }) => type),
    ['device.registered', 'device.online'],
  )
  equal(await statusOf(), 'offline')
})

test('a connection of a key that may not send telemetry is no sign of life', async (t) => {
  const nexus = await startTestNexus(t)
  const { key } = await nexus.as({ scopes: ['task:read'], device_id: 'boiler-8' })
  const client = await openWs(t, nexus, { headers: bearer(key) })
  await client.ask('ping')
  equal((await nexus.client.devices.list({})).devices.length, 0)
})
