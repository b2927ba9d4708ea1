import { deepEqual, equal, rejects } from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { WebSocket as WsPackage } from 'ws'
import { createClient } from './client.ts'
import { type Asked, type Peer, startStubWebSocket } from './testing/stub-websocket.ts'

async function connect(t: TestContext, options: { WebSocket?: unknown } = {}) {
  const server = await startStubWebSocket(t)
  const waits: number[] = []
  const retry = { random: () => 0, sleep: async (ms: number) => void waits.push(ms) }
  const client = createClient({ url: server.url, apiKey: 'k', retry, ...(options as object) })
  return { ...server, waits, client }
}

const accept = (peer: Peer, { id }: Asked, subscription_id = 'sub-1') =>
  peer.say({ type: 'subscribed', id, payload: { subscription_id, cursor: 'evt-0', recovered: true } })
const refuse = (peer: Peer, id: string | undefined, code: string, more: object = {}) =>
  peer.say({ type: 'error', id, payload: { code, message: 'no', details: {}, ...more } })
const event = (n: number, subscription_id = 'sub-1') => ({
  type: 'task.failed',
  id: `evt-${n}`,
  timestamp: '2026-05-01T12:00:00.000Z',
  payload: { n },
  subscription_id,
  cursor: `evt-${n}`,
})

test('what the server refused long ago, or of what matters no more, is no reason to end other subscriptions', async (t) => {
  const { client, peer } = await connect(t)
  const kept = client.subscribe('tasks')
  const left = client.subscribe('ai')
  const next = kept.next()
  void left.next()
  const first = await peer()
  accept(first, await first.asked())
  accept(first, await first.asked(), 'sub-2')
  first.say(event(1))
  equal((await next).value!.id, 'evt-1')
  await left.return!()
  const { type, id, payload } = await first.asked()
  deepEqual([type, payload.subscription_id], ['unsubscribe', 'sub-2'])
  refuse(first, id, 'NOT_FOUND')
  first.close(4001)
  const second = await peer()
  const asked = await second.asked()
  equal(asked.payload.after, 'evt-1')
  accept(second, asked)
  refuse(second, undefined, 'INVALID_REQUEST')
  second.say(event(2))
  second.close(1002)
  const third = await peer()
  accept(third, await third.asked())
  refuse(third, undefined, 'INVALID_REQUEST')
  third.close(1001)
  const fourth = await peer()
  accept(fourth, await fourth.asked())
  fourth.say(event(3))
  deepEqual([(await kept.next()).value!.id, (await kept.next()).value!.id], ['evt-2', 'evt-3'])
  await kept.return!()
})

test('an error that comes right before the close that it explains ends every subscription', async (t) => {
  const { client, peer } = await connect(t)
  const next = client.subscribe('tasks').next()
  const only = await peer()
  await only.asked()
  refuse(only, undefined, 'RATE_LIMIT_EXCEEDED')
  only.close(4001)
  await rejects(next, { code: 'RATE_LIMIT_EXCEEDED', status: 429 })
})

test('a subscription that is refused for now is asked for again, after growing waits', async (t) => {
  const { client, peer, waits } = await connect(t)
  const stream = client.subscribe('tasks', { after: 'evt-7' })
  const next = stream.next()
  const only = await peer()
  refuse(only, (await only.asked()).id, 'SERVICE_UNAVAILABLE')
  refuse(only, (await only.asked()).id, 'INTERNAL_ERROR')
  refuse(only, (await only.asked()).id, 'RATE_LIMIT_EXCEEDED', { retry_after_seconds: 5 })
  const asked = await only.asked()
  equal(asked.payload.after, 'evt-7')
  accept(only, asked)
  only.say({ type: 'stream.overflow', subscription_id: 'sub-1' })
  refuse(only, (await only.asked()).id, 'SERVICE_UNAVAILABLE')
  accept(only, await only.asked())
  only.say(event(8))
  equal((await next).value!.id, 'evt-8')
  deepEqual(waits, [1000, 2000, 5000, 1000])
  await stream.return!()
})

test('a reader that leaves while its subscription rests ends the rest', async (t) => {
  const server = await startStubWebSocket(t)
  const client = createClient({ url: server.url, apiKey: 'k' })
  const stream = client.subscribe('tasks')
  const next = stream.next()
  const only = await server.peer()
  refuse(only, (await only.asked()).id, 'RATE_LIMIT_EXCEEDED', { retry_after_seconds: 30 })
  only.say(event(1, 'of-nobody'))
  const other = client.subscribe('ai')
  void other.next()
  await only.asked()
  await stream.return!()
  deepEqual(await next, { done: true, value: undefined })
  await other.return!()
})

test('a subscription that failed is asked for no more, whether its reader has heard of it or not', async (t) => {
  const { client, peer } = await connect(t)
  const controller = new AbortController()
  const [kept, refused] = [client.subscribe('tasks'), client.subscribe('ai')]
  const aborted = client.subscribe('commands', {}, { signal: controller.signal })
  const reading = [kept.next(), refused.next(), aborted.next()]
  const first = await peer()
  accept(first, await first.asked())
  const { id } = await first.asked()
  accept(first, await first.asked(), 'sub-3')
  first.say(event(1, 'sub-3'))
  await reading[2]
  refuse(first, id, 'FORBIDDEN')
  await rejects(reading[1]!, { code: 'FORBIDDEN' })
  controller.abort(new Error('enough'))
  deepEqual((await first.asked()).payload, { subscription_id: 'sub-3' })
  first.close(1001)
  const second = await peer()
  accept(second, await second.asked())
  await rejects(aborted.next(), /enough/)
  second.say(event(2))
  equal((await reading[0])!.value!.id, 'evt-2')
  await kept.return!()
  deepEqual(second.rest.map(({ payload }) => payload.channel).filter(Boolean), [])
})

test('a signal that is aborted already opens no connection', async () => {
  let made = 0
  class Counted {
    constructor() {
      made++
      throw new Error('none is to be made')
    }
  }
  const client = createClient({
    url: 'http://127.0.0.1:1',
    apiKey: 'k',
    WebSocket: Counted as unknown as typeof WebSocket,
  })
  const stream = client.subscribe('tasks', {}, { signal: AbortSignal.abort(new Error('enough')) })
  await rejects(stream.next(), /enough/)
  equal(made, 0)
})

test('what is no message of Nexus makes the connection anew, and an unknown code ends its subscription alone', async (t) => {
  const { client, peer } = await connect(t)
  const [kept, refused] = [client.subscribe('tasks'), client.subscribe('ai')]
  const [next, ended] = [kept.next(), refused.next()]
  for (const nonsense of ['<html>', 'null', '7', '{"type":1}']) {
    const hostile = await peer()
    await hostile.asked()
    hostile.say(nonsense)
    hostile.say(event(0))
  }
  const last = await peer()
  accept(last, await last.asked())
  refuse(last, (await last.asked()).id, 'MADE_LATER')
  await rejects(ended, { code: 'INVALID_REQUEST', message: 'no' })
  last.say(event(1))
  equal((await next).value!.id, 'evt-1')
  await kept.return!()
})

test('the package ws serves as the WebSocket, also where nobody listens', async (t) => {
  const { client, peer } = await connect(t, { WebSocket: WsPackage })
  const stream = client.subscribe('tasks')
  const next = stream.next()
  const only = await peer()
  accept(only, await only.asked())
  only.say(event(1))
  equal((await next).value!.id, 'evt-1')
  await stream.return!()

  const refused = Promise.withResolvers<void>()
  const sleep = async () => refused.resolve()
  const nowhere = createClient({
    url: 'http://127.0.0.1:1',
    apiKey: 'k',
    retry: { sleep },
    WebSocket: WsPackage as unknown as typeof WebSocket,
  })
  const vain = nowhere.subscribe('tasks')
  const waiting = vain.next()
  await refused.promise
  await vain.return!()
  deepEqual(await waiting, { done: true, value: undefined })
})
