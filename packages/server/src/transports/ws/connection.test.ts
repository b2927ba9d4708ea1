import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { rateDefaults } from '@nexus/contract'
import { startTestNexus } from '../../testing/nexus.ts'
import { until } from '../../testing/until.ts'
import { bearer, type Message, openWs } from '../../testing/ws-client.ts'

const frame = (device_id: string, n: number) => ({
  device_id,
  timestamp: 1762134000 + n,
  metrics: { n },
  tags: { of: 'test' },
})
const numbers = (messages: Message[]) => messages.map(({ payload }) => (payload.metrics as { n: number }).n)
const details = ({ payload }: Message) => payload.details as { field?: string; issue?: string; reason?: string }

test('a subscription is acknowledged, and brings the frames of its device word for word', async (t) => {
  const nexus = await startTestNexus(t)
  const client = await openWs(t, nexus)
  client.send('subscribe', { channel: 'telemetry', filters: { device_id: 'device-12345' } }, 'msg-001')
  const acknowledged = await until('it is acknowledged', async () => client.messages[0])
  equal(acknowledged.type, 'subscribed')
  equal(acknowledged.id, 'msg-001')
  const { subscription_id, cursor, recovered } = acknowledged.payload
  deepEqual([subscription_id, recovered], ['sub-1', false])
  match(cursor as string, /^evt-\d+$/)
  await nexus.client.telemetry.frames.send(frame('another', 1))
  await nexus.client.telemetry.frames.send(frame('device-12345', 2))
  const [message] = await until(
    'the frame comes',
    async () => client.of('telemetry.frame').length > 0 && client.of('telemetry.frame'),
  )
  deepEqual(message!.payload, {
    device_id: 'device-12345',
    timestamp: '2025-11-03T01:40:02Z',
    metrics: { n: 2 },
    tags: { of: 'test' },
  })
  deepEqual([message!.subscription_id, message!.cursor], ['sub-1', message!.id])
  match(message!.timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
})

test('who subscribes with a cursor gets what came meanwhile, once, and is told what is lost', async (t) => {
  const nexus = await startTestNexus(t, { frameEventsMax: 3 })
  const first = await openWs(t, nexus)
  const { cursor } = await first.subscribe('telemetry')
  for (const n of [1, 2]) await nexus.client.telemetry.frames.send(frame(`d${n}`, n))
  const again = await openWs(t, nexus)
  const resumed = await again.subscribe('telemetry', { after: cursor })
  deepEqual([resumed.recovered, resumed.cursor], [true, cursor])
  await nexus.client.telemetry.frames.send(frame('d3', 3))
  await until('all come', async () => again.of('telemetry.frame').length === 3)
  deepEqual(numbers(again.of('telemetry.frame')), [1, 2, 3])
  for (const n of [4, 5]) await nexus.client.telemetry.frames.send(frame(`d${n}`, n))
  const late = await openWs(t, nexus)
  equal((await late.subscribe('telemetry', { after: cursor })).recovered, false)
  await until('what is left comes', async () => late.of('telemetry.frame').length === 3)
  deepEqual(
    late.messages.slice(1).map(({ type }) => type),
    ['stream.gap', 'telemetry.frame', 'telemetry.frame', 'telemetry.frame'],
  )
  equal(late.of('stream.gap')[0]!.subscription_id, 'sub-1')
})

test('nothing comes of a subscription that was ended, and several on one connection are told apart', async (t) => {
  const nexus = await startTestNexus(t)
  const client = await openWs(t, nexus)
  const one = await client.subscribe('telemetry', { filters: { 'metrics.n': { $gt: 1 } } })
  const two = await client.subscribe('events', { filters: { event_types: ['telemetry.*'], tags: { of: 'test' } } })
  await nexus.client.telemetry.frames.batch({ frames: [frame('d', 1), frame('e', 2)] })
  await until('three come', async () => client.of('telemetry.frame').length === 3)
  const of = (id: string) => numbers(client.of('telemetry.frame').filter((each) => each.subscription_id === id))
  deepEqual([of(one.subscription_id), of(two.subscription_id)], [[2], [1, 2]])
  equal((await client.ask('unsubscribe', { subscription_id: two.subscription_id })).type, 'unsubscribed')
  await nexus.client.telemetry.frames.send(frame('d', 3))
  await until('it comes', async () => of(one.subscription_id).length === 2)
  deepEqual(of(two.subscription_id), [1, 2])
  const none = await client.ask('unsubscribe', { subscription_id: two.subscription_id })
  deepEqual([none.type, none.payload.code], ['error', 'NOT_FOUND'])
})

test('of frames that are invoked the good ones are taken and the others named, as over HTTP', async (t) => {
  const nexus = await startTestNexus(t)
  const client = await openWs(t, nexus)
  const frames = [
    frame('d', 1),
    { ...frame('d', 2), metrics: {} },
    { ...frame('d', 3), timestamp: '2025-11-05 00:00:00Z' },
  ]
  const invoke = (input: object) => client.ask('invoke', { operation: 'telemetry.frames.batch', input })
  const { output } = (await invoke({ frames })).payload as { output: { accepted: number; results: unknown[] } }
  deepEqual(
    [output.accepted, output.results[1]],
    [2, { index: 1, error: refusal('metrics', 'must hold at least one metric') }],
  )
  const none = await invoke({ frames: [frames[1]] })
  deepEqual([none.payload.code, details(none).field], ['INVALID_REQUEST', 'frames.0.metrics'])
  for (const [input, field] of [
    [{ frames: 1 }, 'frames'],
    [{ frames, colour: 1 }, 'colour'],
    [{ frames, ack: 'no' }, 'ack'],
  ] as const)
    equal(details(await invoke(input)).field, field)
  const alone = await client.ask('invoke', {
    operation: 'telemetry.frames.send',
    input: { ...frame('d', 4), ack: 'no' },
  })
  equal(details(alone).field, 'ack')
})

function refusal(field: string, issue: string) {
  return { code: 'INVALID_REQUEST', field, issue }
}

test('any operation can be invoked, with the errors and scopes that it has over HTTP', async (t) => {
  const nexus = await startTestNexus(t)
  const client = await openWs(t, nexus)
  const sent = await client.ask('invoke', { operation: 'telemetry.frames.send', input: frame('d', 1) })
  deepEqual([sent.type, sent.payload.operation], ['invoked', 'telemetry.frames.send'])
  const latest = await client.ask('invoke', { operation: 'telemetry.latest', input: { device_id: 'd' } })
  deepEqual(latest.payload.output, await nexus.client.telemetry.latest({ device_id: 'd' }))
  const revoke = { operation: 'auth.keys.revoke', input: { key_id: 'nobody' } }
  equal((await client.ask('invoke', revoke)).payload.code, 'NOT_FOUND')
  const bad = await client.ask('invoke', { operation: 'telemetry.query', input: { start_time: 1, colour: 'red' } })
  deepEqual([bad.payload.code, details(bad).field], ['INVALID_REQUEST', 'end_time'])
  const create = { operation: 'auth.keys.create', input: { name: 'k', scopes: ['task:read'] }, idempotency_key: 'once' }
  const [made, repeated] = [await client.ask('invoke', create), await client.ask('invoke', create)]
  deepEqual(repeated.payload, { ...made.payload, replayed: true })
  const { key } = made.payload.output as { key: string }
  const reader = await openWs(t, nexus, { headers: bearer(key) })
  const denied = await reader.ask('invoke', { operation: 'telemetry.latest' })
  deepEqual(
    [denied.payload.code, (denied.payload.details as { required_scope: string }).required_scope],
    ['FORBIDDEN', 'telemetry:read'],
  )
  match(denied.payload.request_id as string, /^req-/)
  const metrics = await (await nexus.request('/metrics')).text()
  match(metrics, /nexus_http_requests_total\{operation="telemetry.query",code="400"\} 1/)
  match(metrics, /nexus_connections\{transport="websocket"\} 2/)
})

test('each channel needs its scope; named types need theirs, and patterns narrow to what may be seen', async (t) => {
  const nexus = await startTestNexus(t)
  const needed = {
    telemetry: 'telemetry:read',
    commands: 'command:execute',
    tasks: 'task:read',
    ai: 'ai:coordinate',
  } as const
  for (const [channel, scope] of Object.entries(needed)) {
    const { key } = await nexus.as({ scopes: [scope] })
    const client = await openWs(t, nexus, { headers: bearer(key) })
    await client.subscribe(channel)
    await client.subscribe('events')
    for (const other of Object.keys(needed)
      .filter((each) => each !== channel)
      .slice(0, 2)) {
      const refused = await client.ask('subscribe', { channel: other })
      deepEqual([refused.type, refused.payload.code], ['error', 'FORBIDDEN'])
    }
    client.ws.close()
  }
  const { key } = await nexus.as({ scopes: ['telemetry:read'] })
  const client = await openWs(t, nexus, { headers: bearer(key) })
  const named = await client.ask('subscribe', { channel: 'events', filters: { event_types: 'task.failed' } })
  equal(named.payload.code, 'FORBIDDEN')
})

test('what a client sends wrongly is refused with its field; five bad subscriptions end the connection', async (t) => {
  const nexus = await startTestNexus(t)
  const client = await openWs(t, nexus)
  const refusal = async (type: string, payload?: unknown) => {
    const message = await client.ask(type, payload)
    equal(message.type, 'error')
    return [message.payload.code, details(message).field]
  }
  deepEqual(await refusal('subscrbe', {}), ['INVALID_REQUEST', 'type'])
  deepEqual(await refusal('invoke', { operation: 'telemetry.guess' }), ['INVALID_REQUEST', 'operation'])
  deepEqual(await refusal('unsubscribe'), ['INVALID_REQUEST', 'subscription_id'])
  deepEqual(await refusal('invoke', 'telemetry.latest'), ['INVALID_REQUEST', 'body'])
  const asked: [payload: object, field: string][] = [
    [{ channel: 'weather' }, 'channel'],
    [{ channel: 'telemetry', filters: { device_id: { $near: 1 } } }, 'filters.device_id.$near'],
    [{ channel: 'tasks', filters: { event_types: 'telemetry.frame' } }, 'filters.event_types'],
    [{ channel: 'tasks', after: 'yesterday' }, 'after'],
    [{ channel: 'tasks', filters: { event_types: ['task.created,telemetry.frame'] } }, 'filters.event_types'],
  ]
  for (const [payload, field] of asked) deepEqual(await refusal('subscribe', payload), ['INVALID_REQUEST', field])
  deepEqual(await client.closed, { code: 4002, reason: 'invalid_subscriptions' })
})

test('a message that is none ends the connection, after an error where there is something to say', async (t) => {
  const nexus = await startTestNexus(t)
  const said: [sent: string | Buffer, code: number, errors: number][] = [
    ['{', 1002, 1],
    ['[]', 1002, 1],
    ['{"type":7}', 1002, 1],
    ['{"type":"ping","id":{}}', 1002, 1],
    [Buffer.from('{"type":"ping"}'), 1003, 0],
    [JSON.stringify({ type: 'ping', id: 'x', payload: 'y'.repeat(65_536) }), 1009, 0],
  ]
  for (const [sent, code, errors] of said) {
    const client = await openWs(t, nexus)
    client.ws.send(sent, { binary: Buffer.isBuffer(sent) })
    equal((await client.closed).code, code, String(sent).slice(0, 30))
    equal(client.of('error').length, errors)
  }
})

test('a flood is refused message by message, and who goes on is cut off; others do not notice', async (t) => {
  const nexus = await startTestNexus(t, { rateLimits: rateDefaults })
  const [flood, other] = [await openWs(t, nexus), await openWs(t, nexus)]
  for (let i = 0; i < 10_000; i++) flood.send('ping', undefined, `p${i}`)
  deepEqual(await flood.closed, { code: 4001, reason: 'too_many_messages' })
  ok(flood.of('pong').length >= 100)
  const refused = flood.of('error')
  equal(refused.length >= 100, true)
  deepEqual([details(refused[0]!).reason, refused[0]!.id!.slice(0, 1)], ['too_many_messages', 'p'])
  equal((await other.ask('ping')).type, 'pong')
})

test('a connection has at most a hundred subscriptions, and a message without an id is answered without one', async (t) => {
  const nexus = await startTestNexus(t)
  const client = await openWs(t, nexus)
  for (let i = 0; i < 100; i++) client.send('subscribe', { channel: 'telemetry' })
  await until('all are open', async () => client.of('subscribed').length === 100)
  const refused = await client.ask('subscribe', { channel: 'telemetry' })
  equal(details(refused).reason, 'too_many_subscriptions')
  await client.ask('unsubscribe', { subscription_id: 'sub-7' })
  equal((await client.subscribe('telemetry')).subscription_id, 'sub-101')
  client.ws.send('{"type":"ping"}')
  const pong = await until('the pong comes', async () => client.of('pong')[0])
  deepEqual(Object.keys(pong), ['type', 'timestamp'])
})

test('a client that does not read costs others nothing, and is told what it lost', async (t) => {
  const nexus = await startTestNexus(t)
  const [lazy, eager] = [await openWs(t, nexus), await openWs(t, nexus)]
  const { cursor } = await lazy.subscribe('telemetry')
  await eager.subscribe('telemetry')
  lazy.ws.pause()
  const text = 'x'.repeat(4000)
  for (let i = 0; i < 3000; i += 300) {
    const frames = Array.from({ length: 300 }, (_, n) => ({ ...frame(`d${i + n}`, i + n), metrics: { text } }))
    await nexus.client.telemetry.frames.batch({ frames })
    await until('the eager client keeps up', async () => eager.of('telemetry.frame').length === i + 300)
  }
  lazy.ws.resume()
  const overflow = await until('the lazy one is told', async () => lazy.of('stream.overflow')[0])
  equal(overflow.subscription_id, 'sub-1')
  const heard = lazy.of('telemetry.frame').length
  ok(heard < 3000)
  const resumed = await lazy.subscribe('telemetry', { after: lazy.of('telemetry.frame').at(-1)!.cursor })
  deepEqual([resumed.recovered, resumed.cursor === cursor], [true, false])
  await until('the rest is replayed', async () => lazy.of('telemetry.frame').length === 3000)
})

test('a connection spends from the limits that its key has now, and keeps open when the key permits more', async (t) => {
  const nexus = await startTestNexus(t, { rateLimits: rateDefaults })
  const { key, key_id } = await nexus.client.auth.keys.create({ name: 'k', scopes: ['telemetry:read'] })
  const client = await openWs(t, nexus, { headers: bearer(key) })
  const invoke = () => client.ask('invoke', { operation: 'telemetry.metrics' })
  equal((await invoke()).type, 'invoked')
  await nexus.client.auth.keys.update({ key_id, scopes: ['admin'], rate_limits: { telemetry: 1 } })
  await until('the limit holds', async () => (await invoke()).payload.code === 'RATE_LIMIT_EXCEEDED')
  equal((await client.ask('invoke', { operation: 'auth.keys.list' })).type, 'invoked')
})

test('what a key may no longer do it may not do over a connection either, from that moment on', async (t) => {
  const nexus = await startTestNexus(t)
  const { key, key_id } = await nexus.client.auth.keys.create({ name: 'k', scopes: ['admin'] })
  const client = await openWs(t, nexus, { headers: bearer(key) })
  const create = { operation: 'auth.keys.create', input: { name: 'another', scopes: ['admin'] } }
  equal((await client.ask('invoke', create)).type, 'invoked')
  await nexus.client.auth.keys.update({ key_id, scopes: ['telemetry:read'] })
  for (let i = 0; i < 20; i++) client.send('invoke', create)
  deepEqual(await client.closed, { code: 1008, reason: 'key_changed' })
  equal(client.of('invoked').length, 1)
  const { keys } = await nexus.client.auth.keys.list({})
  equal(keys.filter(({ name }) => name === 'another').length, 1)
})

test('an idempotency key repeats the answer of frames too, and refuses another body', async (t) => {
  const nexus = await startTestNexus(t)
  const client = await openWs(t, nexus)
  for (const [operation, input, other] of [
    ['telemetry.frames.send', frame('d', 1), frame('d', 2)],
    ['telemetry.frames.batch', { frames: [frame('e', 1)] }, { frames: [frame('e', 2)] }],
  ] as const) {
    const invoke = (input: object) => client.ask('invoke', { operation, input, idempotency_key: 'once' })
    const [first, again, another] = [await invoke(input), await invoke(input), await invoke(other)]
    deepEqual([first.payload.replayed, again.payload.replayed], [false, true])
    deepEqual(
      { ...(again.payload.output as object), duplicate: undefined },
      { ...(first.payload.output as object), duplicate: undefined },
    )
    equal(another.payload.code, 'CONFLICT')
  }
})
