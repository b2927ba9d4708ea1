import { deepEqual, equal, rejects } from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { KeyRecord } from '../../auth/index.ts'
import {
  afterCommit,
  createDeviceStore,
  createEventStore,
  createIdempotencyStore,
  createKeyStore,
  createRetentionStore,
  createTicketStore,
  createWebhookStore,
  openSealer,
  openState,
} from './index.ts'
import { loadMasterKey } from './master-key.ts'
import { deviceGuarantees } from './testing/device-guarantees.ts'
import { type EngineUnderTest, temporaryFolder } from './testing/engines-under-test.ts'
import { eventGuarantees } from './testing/event-guarantees.ts'
import { webhookGuarantees } from './testing/webhook-guarantees.ts'
import { afterEnd, beforeCommit, within } from './transaction.ts'

/** What every state engine guarantees, and every store on it. */
export function stateSuite({ name, skip, fresh }: EngineUnderTest): void {
  const guarantee = (title: string, body: (state: Opened, t: TestContext) => Promise<void>) =>
    test(`${name}: ${title}`, { skip: skip ?? false }, async (t) => {
      const options = await fresh(t)
      const engine = await openState(options)
      try {
        await body({ engine, options, ...(await storesOf(engine, join(temporaryFolder(t), 'master.key'))) }, t)
      } finally {
        await engine.close()
      }
    })

  guarantee('a write is seen once it resolved, and survives a reopening', async ({ engine, keys, options }) => {
    await engine.write((tx) => keys.insert(tx, keyRecord('key-a')))
    equal((await keys.find('key-a'))?.shown.name, 'one')
    await engine.close()
    const again = await openState(options)
    equal((await createKeyStore(again).find('key-a'))?.shown.name, 'one')
    await again.close()
  })

  guarantee('a write that throws leaves nothing, and fails with its own error', async ({ engine, keys }) => {
    const failing = engine.write(async (tx) => {
      await keys.insert(tx, keyRecord('key-a'))
      throw new Error('changed my mind')
    })
    await rejects(failing, { message: 'changed my mind' })
    equal(await keys.find('key-a'), undefined)
  })

  guarantee('an open transaction sees its own writes, and reads outside do not', async ({ engine, keys }) => {
    await engine.write(async (tx) => {
      await keys.insert(tx, keyRecord('key-a'))
      equal((await keys.find('key-a', tx))?.shown.key_id, 'key-a')
      equal(await keys.find('key-a'), undefined)
    })
  })

  guarantee(
    'what waits for the commit runs before the writer is answered, and never after a throw',
    async ({ engine }) => {
      const heard: string[] = []
      await engine
        .write(async (tx) => afterCommit(tx, () => heard.push('committed')))
        .then(() => heard.push('answered'))
      await rejects(
        engine.write(async (tx) => {
          afterCommit(tx, () => heard.push('never'))
          throw new Error('no')
        }),
      )
      deepEqual(heard, ['committed', 'answered'])
    },
  )

  guarantee('steps before the commit belong to the transaction, and may add more of them', async ({ engine, keys }) => {
    await engine.write(async (tx) => {
      beforeCommit(tx, async () => {
        await keys.insert(tx, keyRecord('key-a'))
        beforeCommit(tx, () => keys.insert(tx, keyRecord('key-b')))
      })
      equal(await keys.find('key-a', tx), undefined)
    })
    equal((await keys.find('key-a'))?.shown.key_id, 'key-a')
    equal((await keys.find('key-b'))?.shown.key_id, 'key-b')
    const failing = engine.write(async (tx) => {
      await keys.insert(tx, keyRecord('key-c'))
      beforeCommit(tx, async () => {
        throw new Error('changed my mind')
      })
    })
    await rejects(failing, { message: 'changed my mind' })
    equal(await keys.find('key-c'), undefined)
  })

  guarantee('what waits for the end of a transaction is told how it ended', async ({ engine }) => {
    const heard: boolean[] = []
    await engine.write(async (tx) => afterEnd(tx, (committed) => heard.push(committed)))
    await rejects(
      engine.write(async (tx) => {
        afterEnd(tx, (committed) => heard.push(committed))
        throw new Error('no')
      }),
    )
    deepEqual(heard, [true, false])
  })

  guarantee('numbers are given out once, over a reopening too', async ({ engine, events, sealer, options }) => {
    const first = await events.reserve(10)
    const [second, third] = await Promise.all([events.reserve(5), events.reserve(5)])
    deepEqual(
      [second, third].sort((a, b) => a - b),
      [first + 10, first + 15],
    )
    await engine.close()
    const again = await openState(options)
    equal(await createEventStore(again, sealer).reserve(1), first + 20)
    await again.close()
  })

  guarantee('a transaction that is over can not be used', async ({ engine, keys }) => {
    const late = await engine.write(async (tx) => ({ tx }))
    await rejects(keys.insert(late.tx, keyRecord('key-a')), /is over/)
  })

  guarantee('concurrent writes that read and then write under the lock lose no update', async ({ engine, keys }) => {
    await engine.write((tx) => keys.insert(tx, keyRecord('key-a', { name: '0' })))
    const increment = () =>
      engine.write(async (tx) => {
        await keys.lock(tx)
        const record = (await keys.find('key-a', tx))!
        await keys.replace(tx, { ...record, shown: { ...record.shown, name: String(Number(record.shown.name) + 1) } })
      })
    await Promise.all(Array.from({ length: 20 }, increment))
    equal((await keys.find('key-a'))?.shown.name, '20')
  })

  guarantee('closing finishes what is queued, and refuses what comes later', async ({ engine, keys, options }) => {
    const queued = ['key-a', 'key-b', 'key-c'].map((id) => engine.write((tx) => keys.insert(tx, keyRecord(id))))
    await engine.close()
    await Promise.all(queued)
    await rejects(
      engine.write(async () => {}),
      { code: 'SERVICE_UNAVAILABLE', details: { reason: 'state_closed' } },
    )
    const again = await openState(options)
    equal((await createKeyStore(again).newest(10)).length, 3)
    await again.close()
  })

  guarantee('a key comes back as it was kept', async ({ engine, keys }) => {
    const record = keyRecord('key-a', {
      scopes: ['task:read', 'admin'],
      allowed_cidrs: ['10.0.0.0/8'],
      rate_limits: { task: 5 },
      device_id: 'pump-7',
      expires_at: '2031-01-01T00:00:00.000Z',
    })
    await engine.write((tx) => keys.insert(tx, record))
    deepEqual(await keys.find('key-a'), record)

    const rotated = { ...record, previous: { ...record.current, until: 1_900_000_000_000 } }
    await engine.write((tx) => keys.replace(tx, rotated))
    deepEqual(await keys.find('key-a'), rotated)
  })

  guarantee('keys are listed newest first, page after page without gaps', async ({ engine, keys }) => {
    const at = (second: number) => ({ created_at: `2026-01-01T00:00:0${second}.000Z` })
    await engine.write(async (tx) => {
      await keys.insert(tx, keyRecord('key-a', at(1)))
      await keys.insert(tx, keyRecord('key-c', at(2)))
      await keys.insert(tx, keyRecord('key-b', at(2)))
    })
    const first = await keys.newest(2)
    deepEqual(
      first.map((key) => key.key_id),
      ['key-c', 'key-b'],
    )
    const rest = await keys.newest(2, { createdAt: Date.parse(first[1]!.created_at), keyId: 'key-b' })
    deepEqual(
      rest.map((key) => key.key_id),
      ['key-a'],
    )
  })

  guarantee('only keys with admin that always work count as lasting', async ({ engine, keys }) => {
    await engine.write(async (tx) => {
      await keys.insert(tx, keyRecord('key-a', { scopes: ['admin'] }))
      await keys.insert(tx, keyRecord('key-b', { scopes: ['admin'], revoked_at: '2026-05-01T00:00:00.000Z' }))
      await keys.insert(tx, keyRecord('key-c', { scopes: ['admin'], expires_at: '2126-06-01T00:00:00.000Z' }))
      await keys.insert(tx, keyRecord('key-d', { scopes: ['task:read'] }))
      await keys.insert(tx, keyRecord('key-e', { scopes: ['admin'], allowed_cidrs: ['10.0.0.0/8'] }))
    })
    equal(await keys.lastingAdminKeys(), 1)
    await engine.write(async (tx) => {
      await keys.insert(tx, keyRecord('key-f', { scopes: ['task:read', 'admin'] }))
      equal(await keys.lastingAdminKeys(tx), 2)
    })
  })

  guarantee('the last use of a key never turns back', async ({ engine, keys }) => {
    await engine.write((tx) => keys.insert(tx, keyRecord('key-a')))
    await engine.write((tx) => keys.noteUses(tx, [['key-a', 2000]]))
    await engine.write((tx) => keys.noteUses(tx, [['key-a', 1000]]))
    equal((await keys.find('key-a'))?.shown.last_used_at, '1970-01-01T00:00:02.000Z')
  })

  guarantee(
    'one answer is kept for an idempotent call, encrypted, until it expires',
    async ({ engine, idempotency }) => {
      const call = { keyId: 'key-a', operation: 'auth.keys.create', value: 'v|1' }
      const keep = (output: unknown, now: number) =>
        engine.write((tx) => idempotency.insert(tx, call, { bodyHash: 'h', output, now, expiresAt: now + 100 }))
      equal(await keep({ key: 'the secret' }, 1000), true)
      equal(await keep({ key: 'another' }, 1099), false)
      deepEqual((await idempotency.find(call))?.output(), { key: 'the secret' })
      const { answer } = await engine.reads.selectFrom('idempotency').select('answer').executeTakeFirstOrThrow()
      equal(/^enc:v1:k1:[\w-]+$/.test(answer), true)
      equal(await keep(null, 1100), true)
      equal((await idempotency.find(call))?.output(), null)
    },
  )

  guarantee('a sweep removes all expired answers and no other', async ({ engine, idempotency }) => {
    await engine.write(async (tx) => {
      const rows = Array.from({ length: 2500 }, (_, i) => ({
        key_id: 'key-a',
        operation: 'x',
        value: String(i),
        body_hash: 'h',
        answer: '',
        expires_at: i < 2400 ? 1 + (i % 3) : 9000,
      }))
      for (let i = 0; i < rows.length; i += 500) {
        await within(tx)
          .insertInto('idempotency')
          .values(rows.slice(i, i + 500))
          .execute()
      }
    })
    await idempotency.sweep(5000)
    const left = await engine.reads.selectFrom('idempotency').select('expires_at').execute()
    equal(left.length, 100)
    equal(
      left.every((row) => row.expires_at === 9000),
      true,
    )
  })

  guarantee('a ticket is taken once, and not after it expired', async ({ engine, tickets }) => {
    const of = { keyId: 'key-a', secretTag: 'tag' }
    const ticket = (digest: string) => ({ ...of, digest, expiresAt: 1000 })
    await engine.write(async (tx) => {
      for (const digest of ['one', 'two', 'late']) await tickets.insert(tx, ticket(digest))
    })
    const take = (digest: string, now: number) => engine.write((tx) => tickets.take(tx, digest, now))
    const both = await Promise.all([take('one', 999), take('one', 999)])
    deepEqual(
      both.filter((taken) => taken !== undefined),
      [of],
    )
    equal(await take('late', 1000), undefined)
    await tickets.sweep(999)
    equal(await tickets.has('two'), true)
    deepEqual(await take('two', 999), of)
    equal(await tickets.has('two'), false)
    await tickets.sweep(1000)
    deepEqual(await engine.reads.selectFrom('tickets').selectAll().execute(), [])
  })

  guarantee('retention policies are replaced as a whole', async ({ engine, retention }) => {
    deepEqual(await retention.get(), { policies: [] })
    await engine.write((tx) => retention.put(tx, { policies: [{ metrics: 'cpu.*', keep: '30d' }] }))
    await engine.write((tx) => retention.put(tx, { policies: [{ metrics: '*', keep: '1y' }] }))
    deepEqual(await retention.get(), { policies: [{ metrics: '*', keep: '1y' }] })
  })

  eventGuarantees(guarantee)
  deviceGuarantees(guarantee)
  webhookGuarantees(guarantee)

  guarantee('a sealer opens with its master key and refuses another or a missing one', async ({ engine }, t) => {
    const folder = temporaryFolder(t)
    await engine.write((tx) => within(tx).deleteFrom('data_keys').execute())
    const file = join(folder, 'master.key')
    const place = { table: 't', column: 'c', row: 'r' }
    const first = await openSealer(engine, { file, now: 0 })
    const again = await openSealer(engine, { file, now: 0 })
    equal(again.unseal(place, first.seal(place, 'hidden')), 'hidden')
    deepEqual(again.derive('x'), first.derive('x'))
    await rejects(openSealer(engine, { file: join(folder, 'missing.key'), now: 0 }), /missing.*restore the file/)
    loadMasterKey(join(folder, 'other.key'), { create: true })
    await rejects(
      openSealer(engine, { file: join(folder, 'other.key'), now: 0 }),
      /not the one that the state was sealed/,
    )
  })
}

type Engine = Awaited<ReturnType<typeof openState>>
type Opened = { engine: Engine; options: { url?: string; file?: string } } & Awaited<ReturnType<typeof storesOf>>

async function storesOf(engine: Engine, masterKeyFile: string) {
  const sealer = await openSealer(engine, { file: masterKeyFile, now: 0 })
  return {
    sealer,
    keys: createKeyStore(engine),
    events: createEventStore(engine, sealer),
    idempotency: createIdempotencyStore(engine, sealer),
    retention: createRetentionStore(engine),
    tickets: createTicketStore(engine),
    devices: createDeviceStore(engine),
    webhooks: createWebhookStore(engine, sealer),
  }
}

function keyRecord(keyId: string, more: Partial<KeyRecord['shown']> = {}): KeyRecord {
  return {
    shown: {
      key_id: keyId,
      prefix: 'nxs_live_x',
      name: 'one',
      scopes: ['telemetry:read'],
      expires_at: null,
      device_id: null,
      agent_id: null,
      allowed_cidrs: [],
      rate_limits: {},
      created_at: '2026-01-01T00:00:00.000Z',
      last_used_at: null,
      revoked_at: null,
      ...more,
    },
    current: { hash: 'hash', tag: 'tag' },
    previous: null,
  }
}
