import { deepEqual, equal, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import { createIdempotency } from './idempotency.ts'
import { startAuth } from './testing/auth-under-test.ts'

const day = 24 * 3_600_000
const call = { keyId: 'key-a', operation: 'auth.keys.create', value: 'once', bodyHash: 'h1' } as const
const reused = { code: 'CONFLICT', reason: 'idempotency_key_reused' }
const inUse = { code: 'CONFLICT', reason: 'idempotency_key_in_use' }

test('the answer is replayed for 24 hours, and then the call runs anew', async (t) => {
  const { idempotency, engine, clock } = await startAuth(t)
  equal(await idempotency.begin(call), undefined)
  await engine.write((tx) => idempotency.complete(tx, call, { answer: 42 }))
  idempotency.abandon(call)
  clock.turn(day - 1)
  deepEqual(await idempotency.begin(call), { replay: { answer: 42 } })
  clock.turn(1)
  equal(await idempotency.begin(call), undefined)
  await engine.write((tx) => idempotency.complete(tx, call, { answer: 43 }))
  idempotency.abandon(call)
  deepEqual(await idempotency.begin(call), { replay: { answer: 43 } })
})

test('another body under the same value is refused, while the first runs and after', async (t) => {
  const { idempotency, engine } = await startAuth(t)
  const other = { ...call, bodyHash: 'h2' }
  await idempotency.begin(call)
  await rejects(idempotency.begin(other), failure(reused))
  await engine.write((tx) => idempotency.complete(tx, call, null))
  idempotency.abandon(call)
  await rejects(idempotency.begin(other), failure(reused))
  deepEqual(await idempotency.begin(call), { replay: null })
})

test('the same call again while the first still runs is told to come back', async (t) => {
  const { idempotency } = await startAuth(t)
  const [first, second] = await Promise.allSettled([idempotency.begin(call), idempotency.begin({ ...call })])
  equal(first.status, 'fulfilled')
  equal(second.status === 'rejected' && second.reason.retryAfterSeconds, 1)
  equal(second.status === 'rejected' && second.reason.details.reason, inUse.reason)
})

test('a transaction that is run anew asks for the same call again, also where as many are under way as may be', async () => {
  const clock = { now: () => 0 }
  const store = { find: async () => undefined, insert: async () => true, sweep: async () => {} }
  const idempotency = createIdempotency({ store, clock, log: { error: () => {} }, runningMax: 1 } as never)
  equal(await idempotency.begin(call), undefined)
  equal(await idempotency.begin(call, {} as never), undefined)
  const other = { ...call, value: 'other' }
  await rejects(idempotency.begin(other), { code: 'SERVICE_UNAVAILABLE' })
  // Who was refused gives up nothing that is another's.
  idempotency.abandon({ ...call })
  await rejects(idempotency.begin({ ...call }), failure(inUse))
  idempotency.abandon(call)
  equal(await idempotency.begin(other), undefined)
})

test('values are kept apart by API key and by operation', async (t) => {
  const { idempotency } = await startAuth(t)
  await idempotency.begin(call)
  equal(await idempotency.begin({ ...call, keyId: 'key-b' }), undefined)
  equal(await idempotency.begin({ ...call, operation: 'auth.keys.rotate' }), undefined)
})

test('a call that fails keeps nothing, so that it can be tried again', async (t) => {
  const nexus = await startAuth(t)
  const options = { idempotencyKey: 'retry' }
  const past = { name: 'one', scopes: ['admin'], expires_at: '2020-01-01T00:00:00Z' }
  await rejects(nexus.answer('auth.keys.create', past, options), { code: 'VALIDATION_ERROR' })
  const { replayed } = await nexus.answer('auth.keys.create', { ...past, expires_at: null }, options)
  equal(replayed, false)
})

test('when another node completed the call first, this one is undone', async (t) => {
  const { idempotency, engine, keys, create } = await startAuth(t)
  await idempotency.begin(call)
  await engine.write((tx) => idempotency.complete(tx, call, 'theirs'))
  const { key_id } = await create()
  const record = (await keys.find(key_id))!
  const mine = engine.write(async (tx) => {
    await keys.insert(tx, { ...record, shown: { ...record.shown, key_id: 'key-mine' } })
    await idempotency.complete(tx, call, 'mine')
  })
  await rejects(mine, failure(inUse))
  equal(await keys.find('key-mine'), undefined)
  idempotency.abandon(call)
  deepEqual(await idempotency.begin(call), { replay: 'theirs' })
})

test('a sweep removes what has expired', async (t) => {
  const { idempotency, engine, clock } = await startAuth(t)
  await idempotency.begin(call)
  await engine.write((tx) => idempotency.complete(tx, call, 1))
  clock.turn(day)
  await idempotency.sweep()
  deepEqual(await engine.reads.selectFrom('idempotency').selectAll().execute(), [])
})

function failure({ code, reason }: { code: string; reason: string }) {
  return (error: unknown) => {
    const failed = error as { code: string; details: { reason: string } }
    deepEqual([failed.code, failed.details.reason], [code, reason])
    return true
  }
}
