import { deepEqual, equal, match, ok, throws } from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { WebhookDelivery } from '@nexus/contract'
import type { NexusClient } from '@nexus/sdk'
import { Webhook } from 'standardwebhooks'
import { spawnNexus } from '../testing/child-nexus.ts'
import { startTestNexus, testFolder } from '../testing/nexus.ts'
import { until } from '../testing/until.ts'
import { startReceiver } from './testing/receiver.ts'

const local = { webhookAllowCidrs: ['127.0.0.1'] }

function ended(client: NexusClient, delivery_id: string): Promise<WebhookDelivery> {
  return until('the delivery has ended', async () => {
    const delivery = await client.webhooks.deliveries.get({ delivery_id })
    return delivery.ended_at !== null && delivery
  })
}

const refusal = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    ({ code, details }: { code: string; details: Record<string, unknown> }): Record<string, unknown> => ({
      code,
      ...details,
    }),
  )

test('a message arrives signed with the secret of the key that asked for it, and is told as delivered', async (t) => {
  const nexus = await startTestNexus(t, local)
  const receiver = await startReceiver(t)
  const { client } = await nexus.as({ scopes: ['task:read'] })
  const { secret, previous_valid_until } = await client.webhooks.secret.get()
  equal(previous_valid_until, null)
  equal((await client.webhooks.secret.get()).secret, secret)

  const made = await client.webhooks.test({ url: `${receiver.url}/hook` })
  deepEqual([made.status, made.attempts, made.type, made.url], ['pending', 0, 'webhook.test', `${receiver.url}/hook`])
  const delivery = await ended(client, made.delivery_id)
  deepEqual([delivery.status, delivery.attempts, delivery.status_code, delivery.error], ['delivered', 1, 204, null])

  const { headers, body } = receiver.received[0]!
  const verified = new Webhook(secret).verify(body, headers)
  deepEqual(verified, { type: 'webhook.test', timestamp: made.created_at, data: { key_id: made.key_id } })
  equal(headers['webhook-id'], made.event_id)
  throws(() => new Webhook(secret).verify(`${body} `, headers))
})

test('a rotated secret signs beside the new one for a day, and each key has its own', async (t) => {
  const nexus = await startTestNexus(t, local)
  const receiver = await startReceiver(t)
  const { client } = await nexus.as({ scopes: ['task:read'] })
  const before = await client.webhooks.secret.get()
  const after = await client.webhooks.secret.rotate()
  match(after.secret, /^whsec_/)
  const { secret: shown } = await client.webhooks.secret.get()
  deepEqual([shown === after.secret, after.secret === before.secret], [true, false])
  equal(Date.parse(after.previous_valid_until!) - Date.parse(after.created_at), 86_400_000)
  const { delivery_id } = await client.webhooks.test({ url: receiver.url })
  await ended(client, delivery_id)
  const { headers, body } = receiver.received[0]!
  for (const { secret } of [before, after]) new Webhook(secret).verify(body, headers)
  const other = (await nexus.client.webhooks.secret.get()).secret
  throws(() => new Webhook(other).verify(body, headers))
})

test('a key sees its own deliveries, an admin sees all, and one of another key looks missing', async (t) => {
  const nexus = await startTestNexus(t, local)
  const receiver = await startReceiver(t)
  const [one, two] = [await nexus.as({ scopes: ['task:read'] }), await nexus.as({ scopes: ['task:read'] })]
  const mine: string[] = []
  for (let i = 0; i < 3; i++) mine.push((await one.client.webhooks.test({ url: receiver.url })).delivery_id)
  receiver.answer((_received, response) => response.writeHead(500).end('no'))
  for (const delivery_id of mine) await ended(one.client, delivery_id)
  const { delivery_id: theirs } = await two.client.webhooks.test({ url: receiver.url })
  await ended(two.client, theirs)

  const listed = async (client: NexusClient, input = {}) => {
    const { deliveries, next_cursor } = await client.webhooks.deliveries.list(input)
    return { ids: deliveries.map(({ delivery_id }) => delivery_id), next_cursor }
  }
  deepEqual((await listed(one.client)).ids.sort(), [...mine].sort())
  deepEqual((await listed(two.client)).ids, [theirs])
  equal((await listed(nexus.client)).ids.length, 4)
  deepEqual((await listed(nexus.client, { status: 'failed' })).ids.includes(theirs), true)
  const first = await listed(one.client, { limit: 2 })
  const second = await listed(one.client, { limit: 2, cursor: first.next_cursor! })
  deepEqual([...first.ids, ...second.ids].sort(), [...mine].sort())
  equal(second.next_cursor, null)

  equal((await nexus.client.webhooks.deliveries.get({ delivery_id: theirs })).delivery_id, theirs)
  const missing = { code: 'NOT_FOUND', reason: 'no_such_delivery' }
  for (const delivery_id of [theirs, 'whd-none']) {
    const expected = { ...missing, delivery_id }
    deepEqual(await refusal(one.client.webhooks.deliveries.get({ delivery_id })), expected)
    deepEqual(await refusal(one.client.webhooks.deliveries.redeliver({ delivery_id })), expected)
  }
  deepEqual((await refusal(one.client.webhooks.deliveries.list({ cursor: 'x' })))?.code, 'INVALID_REQUEST')
})

test('a failed delivery is sent again when asked to, under the same id; one under way is a conflict', async (t) => {
  const nexus = await startTestNexus(t, local)
  const receiver = await startReceiver(t)
  receiver.answer((_received, response) => response.writeHead(500).end('broken'))
  const { delivery_id } = await nexus.client.webhooks.test({ url: receiver.url })
  const failed = await ended(nexus.client, delivery_id)
  deepEqual([failed.status, failed.error, failed.status_code, failed.response], ['failed', 'http_error', 500, 'broken'])

  const held = Promise.withResolvers<() => void>()
  receiver.answer((_received, response) => held.resolve(() => response.writeHead(200).end()))
  const again = await nexus.client.webhooks.deliveries.redeliver({ delivery_id })
  deepEqual([again.attempts, again.ended_at], [0, null])
  const answer = await held.promise
  deepEqual(await refusal(nexus.client.webhooks.deliveries.redeliver({ delivery_id })), {
    code: 'CONFLICT',
    reason: 'delivery_under_way',
    delivery_id,
  })
  answer()
  const delivered = await ended(nexus.client, delivery_id)
  deepEqual([delivered.status, delivered.error, delivered.attempts], ['delivered', null, 1])
  equal(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size, 1)
})

test('an address that only this machine can reach is refused, with its field, where nothing permits it', async (t) => {
  const nexus = await startTestNexus(t)
  const receiver = await startReceiver(t)
  const { port } = receiver
  const urls = [receiver.url, `https://127.0.0.1:${port}`, 'https://localhost', 'https://[::1]/', 'https://2130706433/']
  for (const url of urls) {
    const refused = await refusal(nexus.client.webhooks.test({ url }))
    deepEqual([refused?.code, refused?.field], ['VALIDATION_ERROR', 'url'], url)
  }
  deepEqual((await nexus.client.webhooks.deliveries.list()).deliveries, [])
  equal(receiver.received.length, 0)
})

test('what is sent, its address, its answer and the secret stand nowhere in the data folder to be read', async (t) => {
  const nexus = await startTestNexus(t, local)
  const receiver = await startReceiver(t)
  receiver.answer((_received, response) => response.writeHead(500).end('marker-of-the-answer'))
  const { secret } = await nexus.client.webhooks.secret.get()
  const { secret: renewed } = await nexus.client.webhooks.secret.rotate()
  const { delivery_id } = await nexus.client.webhooks.test({ url: `${receiver.url}/marker-of-the-address` })
  equal((await ended(nexus.client, delivery_id)).response, 'marker-of-the-answer')
  await nexus.stop()
  const files = readdirSync(nexus.folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  ok(files.some(({ name }) => name === 'state.db'))
  for (const { parentPath, name } of files) {
    const bytes = readFileSync(join(parentPath, name))
    const markers = [
      'marker-of-the-answer',
      'marker-of-the-address',
      secret,
      renewed,
      secret.slice(6),
      '"webhook.test"',
    ]
    for (const marker of markers) ok(!bytes.includes(marker), `${name} holds ${marker}`)
  }
})

test('killed while messages are under way, a server sends them again when it starts, under the same ids', async (t) => {
  const receiver = await startReceiver(t)
  receiver.answer(() => {})
  const env = { NEXUS_DATA_DIR: testFolder(t), NEXUS_WEBHOOK_ALLOW_CIDRS: '127.0.0.1' }
  const nexus = await spawnNexus(t, env)
  const key = readFileSync(join(env.NEXUS_DATA_DIR, 'admin.key'), 'utf8').trim()
  const call = async (url: string, path: string, body?: object) => {
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
    const init = body === undefined ? { headers } : { method: 'POST', headers, body: JSON.stringify(body) }
    return (await fetch(`${url}/v1/webhooks/${path}`, init)).json() as Promise<WebhookDelivery>
  }
  const made: WebhookDelivery[] = []
  for (let i = 0; i < 6; i++) made.push(await call(nexus.url, 'test', { url: receiver.url }))
  await until('as many are under way as one host may have', async () => receiver.received.length === 4)
  nexus.process.kill('SIGKILL')
  await nexus.ended

  receiver.answer((_received, response) => response.writeHead(200).end())
  const next = await spawnNexus(t, env)
  for (const { delivery_id } of made) {
    const delivery = await until('it is delivered', async () => {
      const found = await call(next.url, `deliveries/${delivery_id}`)
      return found.status === 'delivered' && found
    })
    equal(delivery.attempts, 1)
  }
  const ids = receiver.received.map(({ headers }) => headers['webhook-id'])
  equal(ids.length, 10)
  deepEqual([...new Set(ids)].sort(), made.map(({ event_id }) => event_id).sort())
})
