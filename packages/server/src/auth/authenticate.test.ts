import { deepEqual, equal, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import { newKey, renewedKey } from './key-format.ts'
import { startAuth } from './testing/auth-under-test.ts'

const minute = 60_000
const here = '192.0.2.1'
const unauthorized = { code: 'UNAUTHORIZED', details: { reason: 'invalid_key' } }
const tooMany = { code: 'RATE_LIMIT_EXCEEDED', details: { reason: 'too_many_bad_keys' } }

test('a key is checked with bcrypt once in five minutes, and then from memory', async (t) => {
  const nexus = await startAuth(t)
  const { key } = await nexus.create()
  equal(nexus.auth.authenticateCached(key, here), undefined)
  const principal = await nexus.auth.authenticate(key, here)
  equal(nexus.auth.authenticateCached(key, here), principal)
  equal(await nexus.auth.authenticate(key, here), principal)
  equal(nexus.bcrypts.count, 1)
  nexus.clock.turn(5 * minute)
  equal(nexus.auth.authenticateCached(key, here), undefined)
  await nexus.auth.authenticate(key, here)
  equal(nexus.bcrypts.count, 2)
})

test('first uses of one key at the same time share one check', async (t) => {
  const nexus = await startAuth(t)
  const { key } = await nexus.create()
  await Promise.all(Array.from({ length: 20 }, () => nexus.auth.authenticate(key, here)))
  equal(nexus.bcrypts.count, 1)
})

test('malformed, unknown, wrong, revoked, expired and from elsewhere: all are refused alike', async (t) => {
  const nexus = await startAuth(t)
  const revoked = await nexus.create()
  await nexus.call('auth.keys.revoke', { key_id: revoked.key_id })
  const expired = await nexus.create({ expires_at: '2026-01-01T00:01:00Z' })
  nexus.clock.turn(minute)
  const elsewhere = await nexus.create({ allowed_cidrs: ['10.0.0.0/8'] })
  const wrong = renewedKey(elsewhere.key_id)
  const bad = ['', 'nonsense', `${newKey().slice(0, -1)}-`, newKey(), wrong, revoked.key, expired.key, elsewhere.key]
  for (const key of bad) await rejects(nexus.auth.authenticate(key, here), { ...unauthorized, http: undefined })
  for (const key of bad) equal(nexus.auth.authenticateCached(key, here), undefined)
})

test('an expiry and a change of address end a key that is remembered', async (t) => {
  const nexus = await startAuth(t)
  const { key } = await nexus.create({ expires_at: '2026-01-01T00:01:00Z', allowed_cidrs: ['192.0.2.0/24'] })
  await nexus.auth.authenticate(key, here)
  equal(nexus.auth.authenticateCached(key, '198.51.100.1'), undefined)
  await rejects(nexus.auth.authenticate(key, '198.51.100.1'), unauthorized)
  equal(nexus.auth.authenticateCached(key, here)?.scopes.length, 1)
  nexus.clock.turn(minute)
  equal(nexus.auth.authenticateCached(key, here), undefined)
  await rejects(nexus.auth.authenticate(key, here), unauthorized)
})

test('after ten bad keys in a minute an address gets 429 for bad keys, without bcrypt, and good ones still pass', async (t) => {
  const nexus = await startAuth(t)
  const { key, key_id } = await nexus.create()
  const remembered = await nexus.create()
  await nexus.auth.authenticate(remembered.key, here)
  for (let i = 0; i < 10; i++) await rejects(nexus.auth.authenticate(renewedKey(key_id), here), unauthorized)
  const before = nexus.bcrypts.count
  await rejects(nexus.auth.authenticate(renewedKey(key_id), here), { ...tooMany, retryAfterSeconds: 60 })
  equal(nexus.bcrypts.count, before)
  await rejects(nexus.auth.authenticate('malformed', here), unauthorized)
  equal((await nexus.auth.authenticate(remembered.key, here)).keyId, remembered.key_id)
  equal((await nexus.auth.authenticate(key, here)).keyId, key_id)
  await rejects(nexus.auth.authenticate(renewedKey(key_id), '192.0.2.2'), unauthorized)
  nexus.clock.turn(minute)
  await rejects(nexus.auth.authenticate(renewedKey(key_id), here), unauthorized)
})

test('a key that is revoked while its first check runs is not let in', async (t) => {
  const revoking: { now?: () => Promise<unknown> } = {}
  const nexus = await startAuth(t, {
    store: (store) => ({
      ...store,
      async find(keyId, tx) {
        const record = await store.find(keyId, tx)
        const revoke = tx ? undefined : revoking.now
        delete revoking.now
        await revoke?.()
        return record
      },
    }),
  })
  const { key, key_id } = await nexus.create()
  revoking.now = () => nexus.call('auth.keys.revoke', { key_id })
  await rejects(nexus.auth.authenticate(key, here), unauthorized)
  equal(nexus.auth.authenticateCached(key, here), undefined)
})

test('the last use is written down by the flush, not by the request', async (t) => {
  const nexus = await startAuth(t)
  const { key, key_id } = await nexus.create()
  const lastUsed = async () => (await nexus.call('auth.keys.get', { key_id })).last_used_at
  await nexus.auth.authenticate(key, here)
  nexus.clock.turn(1000)
  nexus.auth.authenticateCached(key, here)
  equal(await lastUsed(), null)
  await nexus.auth.flush()
  equal(await lastUsed(), '2026-01-01T00:00:01.000Z')
})

test('uses that could not be written down are written by the next flush', async (t) => {
  let broken = false
  const nexus = await startAuth(t, {
    store: (store) => ({
      ...store,
      noteUses: (tx, uses) => (broken ? Promise.reject(new Error('disk full')) : store.noteUses(tx, uses)),
    }),
  })
  const { key, key_id } = await nexus.create()
  await nexus.auth.authenticate(key, here)
  broken = true
  await rejects(nexus.auth.flush(), { message: 'disk full' })
  broken = false
  await nexus.auth.flush()
  equal((await nexus.call('auth.keys.get', { key_id })).last_used_at, '2026-01-01T00:00:00.000Z')
})

test('a loop that is stopped writes the last uses down', async (t) => {
  const nexus = await startAuth(t)
  const { key, key_id } = await nexus.create()
  nexus.auth.start()
  await nexus.auth.authenticate(key, here)
  await nexus.auth.stop()
  deepEqual((await nexus.call('auth.keys.get', { key_id })).last_used_at, '2026-01-01T00:00:00.000Z')
})
