import { deepEqual, equal, ok } from 'node:assert/strict'
import type { ClaimedDelivery, NewDelivery, Settlement, WebhookStore } from '../../../webhooks/index.ts'
import type { StateEngine } from '../engine.ts'

type Body = (opened: { engine: StateEngine; webhooks: WebhookStore }) => Promise<void>

/** What the outbox of webhooks guarantees, on each state engine. */
export function webhookGuarantees(guarantee: (title: string, body: Body) => void): void {
  const take = (webhooks: WebhookStore, ids: string[], now: number, leaseToken = 'lease-1') =>
    webhooks.write((tx) => webhooks.claim(tx, ids, { now, until: now + 100, leaseToken }))
  const settle = (webhooks: WebhookStore, held: ClaimedDelivery, settlement: Settlement, now: number) =>
    webhooks.write((tx) => webhooks.settle(tx, held, settlement, now))
  const put = (webhooks: WebhookStore, ...deliveries: NewDelivery[]) =>
    webhooks.write((tx) => webhooks.insert(tx, deliveries))

  guarantee('a webhook comes back as it was put down, and what is to be hidden is hidden', async (opened) => {
    const { engine, webhooks } = opened
    await put(webhooks, newDelivery('a', { body: '{"marker-body":"ü"}', url: 'https://h.example/marker-url' }))
    await webhooks.write((tx) =>
      webhooks.insertSecret(tx, 'key-a', {
        secret: 'marker-secret',
        createdAt: 1,
        previous: { secret: 'marker-old', until: 9 },
      }),
    )
    const [held] = await take(webhooks, ['a'], 1000)
    const { error: _, ...kept } = newDelivery('a', { url: 'https://h.example/marker-url' })
    deepEqual(held, { ...kept, body: '{"marker-body":"ü"}', attempts: 1, leaseToken: 'lease-1' })
    const failed = { status: 'failed', error: 'http_error', statusCode: 500, response: 'marker-response' } as const
    equal(await settle(webhooks, held!, failed, 1050), true)
    const shown = await webhooks.find('a')
    deepEqual([shown?.url, shown?.response], ['https://h.example/marker-url', 'marker-response'])
    deepEqual(await webhooks.secret('key-a'), {
      secret: 'marker-secret',
      createdAt: 1,
      previous: { secret: 'marker-old', until: 9 },
    })
    const rows = [
      ...(await engine.reads.selectFrom('webhook_deliveries').selectAll().execute()),
      ...(await engine.reads.selectFrom('webhook_secrets').selectAll().execute()),
    ]
    ok(!JSON.stringify(rows).includes('marker'))
  })

  guarantee('of two secrets that are made for a key at once the first stays, until it is replaced', async (opened) => {
    const { webhooks } = opened
    const secret = (text: string) => ({ secret: text, createdAt: 1, previous: null })
    const insert = (text: string) =>
      webhooks.write(async (tx) => {
        await webhooks.insertSecret(tx, 'key-a', secret(text))
        return webhooks.secret('key-a', tx)
      })
    const [one, two] = await Promise.all([insert('one'), insert('two')])
    deepEqual(one, two)
    deepEqual(await insert('three'), one)
    await webhooks.write((tx) => webhooks.replaceSecret(tx, 'key-a', secret('four')))
    equal((await webhooks.secret('key-a'))?.secret, 'four')
  })

  guarantee('a webhook that is due is taken by one of those who want it', async ({ webhooks }) => {
    await put(webhooks, newDelivery('a'), newDelivery('b'))
    const taken = await Promise.all(['x', 'y', 'z'].map((token) => take(webhooks, ['a', 'b'], 1000, token)))
    deepEqual(
      taken
        .flat()
        .map(({ deliveryId }) => deliveryId)
        .sort(),
      ['a', 'b'],
    )
  })

  guarantee('webhooks are due in the order of their time, hosts and keys that are full aside', async ({ webhooks }) => {
    await put(webhooks, newDelivery('b', { createdAt: 2000, host: 'full' }), newDelivery('a', { createdAt: 3000 }))
    await put(webhooks, newDelivery('c', { createdAt: 1000, host: 'full' }), newDelivery('d', { error: 'timeout' }))
    const due = async (now: number, limit: number, hosts: string[] = [], keys: string[] = []) =>
      (await webhooks.due(now, limit, { hosts, keys })).map(({ deliveryId }) => deliveryId)
    deepEqual(await due(3000, 9), ['c', 'b', 'a'])
    deepEqual([await due(2999, 9), await due(3000, 1), await due(3000, 9, ['full'])], [['c', 'b'], ['c'], ['a']])
    deepEqual(
      [await webhooks.nextDue({ hosts: [], keys: [] }), await webhooks.nextDue({ hosts: ['full'], keys: [] })],
      [1000, 3000],
    )
    await take(webhooks, ['a'], 3000)
    equal(await webhooks.nextDue({ hosts: ['full'], keys: [] }), 3100)
    await put(webhooks, newDelivery('e', { createdAt: 2500, keyId: 'busy' }))
    deepEqual(await due(3000, 9, ['full'], ['busy']), [])
    deepEqual(await due(3000, 9, ['full'], ['other']), ['e'])
  })

  guarantee('who has lost the lease of a webhook writes nothing', async ({ webhooks }) => {
    await put(webhooks, newDelivery('a'))
    const [lost] = await take(webhooks, ['a'], 1000)
    const [held] = await take(webhooks, ['a'], 1100, 'lease-2')
    equal(held?.attempts, 1)
    const delivered = { status: 'delivered', error: null, statusCode: 200, response: null } as const
    equal(await settle(webhooks, lost!, delivered, 1150), false)
    const later = { status: 'pending', dueAt: 5000, error: 'timeout', statusCode: null, response: null } as const
    equal(await settle(webhooks, held!, later, 1150), true)
    const shown = await webhooks.find('a')
    deepEqual([shown?.status, shown?.next_attempt_at], ['pending', new Date(5000).toISOString()])
    equal((await take(webhooks, ['a'], 4999)).length, 0)
    equal((await take(webhooks, ['a'], 5000))[0]?.attempts, 2)
  })

  guarantee(
    'a webhook begins anew once it has ended, sooner while it waits, and not while it is sent',
    async (opened) => {
      const { webhooks } = opened
      const restart = (now: number) => webhooks.write((tx) => webhooks.restart(tx, 'a', now))
      await put(webhooks, newDelivery('a'))
      const [held] = await take(webhooks, ['a'], 1000)
      equal(await restart(1000), false)
      const later = { status: 'pending', dueAt: 9000, error: 'timeout', statusCode: null, response: null } as const
      await settle(webhooks, held!, later, 1000)
      equal(await restart(2000), true)
      const [again] = await take(webhooks, ['a'], 2000)
      equal(again?.attempts, 2)
      await settle(webhooks, again!, { status: 'failed', error: 'gone', statusCode: 410, response: null }, 2000)
      equal(await restart(3000), true)
      const shown = await webhooks.find('a')
      deepEqual([shown?.status, shown?.attempts, shown?.ended_at], ['pending', 0, null])
      equal(await webhooks.write((tx) => webhooks.restart(tx, 'nobody', 1)), false)
    },
  )

  guarantee('what waits of a key is known up to a number', async ({ webhooks }) => {
    await put(webhooks, newDelivery('a'), newDelivery('b'), newDelivery('c', { keyId: 'key-b' }))
    await put(webhooks, newDelivery('d', { error: 'too_many_waiting' }))
    const count = (max: number) => webhooks.write((tx) => webhooks.countWaiting(tx, 'key-a', max))
    deepEqual([await count(1), await count(2), await count(3)], [1, 2, 2])
  })

  guarantee('webhooks that have ended go by age and by number, the oldest first; others stay', async ({ webhooks }) => {
    const ended = (id: string, at: number) => newDelivery(id, { createdAt: at, error: 'timeout' })
    await put(webhooks, newDelivery('waits', { createdAt: 1 }))
    await put(webhooks, ...[1, 2, 3, 4, 5].map((n) => ended(`e${n}`, n * 1000)))
    const left = async () => (await webhooks.newest(99, {})).map(({ delivery_id }) => delivery_id)
    await webhooks.trim(0, 5)
    deepEqual(await left(), ['e5', 'e4', 'e3', 'e2', 'e1', 'waits'])
    await webhooks.trim(1000, 5)
    deepEqual(await left(), ['e5', 'e4', 'e3', 'e2', 'waits'])
    await webhooks.trim(0, 2)
    deepEqual(await left(), ['e5', 'e4', 'waits'])
    await put(webhooks, ...Array.from({ length: 1200 }, (_, i) => ended(`m${i}`, 100 + (i % 7))))
    await webhooks.trim(0, 2)
    deepEqual(await left(), ['e5', 'e4', 'waits'])
  })
}

function newDelivery(deliveryId: string, more: Partial<NewDelivery> = {}): NewDelivery {
  return {
    deliveryId,
    keyId: 'key-a',
    eventId: 'evt-1',
    type: 'command.completed',
    url: 'https://hooks.example/',
    host: 'hooks.example',
    target: 't',
    body: '{}',
    traceId: '0'.repeat(32),
    attemptsMax: 10,
    createdAt: 1000,
    error: null,
    ...more,
  }
}
