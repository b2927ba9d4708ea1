import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { once } from 'node:events'
import { get } from 'node:http'
import { test } from 'node:test'
import { envelopeIn } from '../../testing/error-check.ts'
import { startTestNexus } from '../../testing/nexus.ts'
import { RawConnection } from '../../testing/raw-connection.ts'
import { until } from '../../testing/until.ts'
import { bearer, openWs } from '../../testing/ws-client.ts'

const frame = (device_id: string, n: number) => ({ device_id, timestamp: 1762134000 + n, metrics: { n } })

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
  equal(old.status, 400)
  match(envelopeIn(old.body, 400).details.issue!, /Sec-WebSocket-Version/)
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

test('an upgrade is refused nothing that the client sends before it was admitted', async (t) => {
  const nexus = await startTestNexus(t)
  const client = await openWs(t, nexus)
  client.send('subscribe', { channel: 'telemetry' })
  client.send('ping', undefined, 'p')
  await until('both are answered, in their order or not', async () => client.messages.length === 2)
  await nexus.client.telemetry.frames.send(frame('d', 1))
  await until('the frame comes', async () => client.of('telemetry.frame').length === 1)
})

test('a device is there while a connection with its key is, and is told to be gone when the last one closes', async (t) => {
  const nexus = await startTestNexus(t)
  const { key } = await nexus.as({ scopes: ['telemetry:write'], device_id: 'boiler-7' })
  const watcher = await openWs(t, nexus)
  await watcher.subscribe('events', { filters: { event_types: 'device.*' } })
  const statusOf = async () => (await nexus.client.devices.get({ device_id: 'boiler-7' })).status
  const told = (count: number) =>
    until(`${count} events come`, async () => watcher.messages.length === count + 1 && watcher.messages.slice(1))

  const sockets = [await openWs(t, nexus, { headers: bearer(key) }), await openWs(t, nexus, { headers: bearer(key) })]
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
  equal(await statusOf(), 'offline')
})
