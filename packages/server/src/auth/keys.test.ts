import { deepEqual, equal, match, notEqual, rejects } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import type { ApiKeyCreate } from '@nexus/contract'
import { keyIdOf } from './key-format.ts'
import { admin, startAuth } from './testing/auth-under-test.ts'

const hour = 3_600_000
const here = '192.0.2.1'

test('a created key works, and shows its secret only once', async (t) => {
  const nexus = await startAuth(t)
  const { key, ...shown } = await nexus.create({ name: 'pump', scopes: ['task:read', 'task:read', 'task:write'] })
  equal(keyIdOf(key), shown.key_id)
  deepEqual(shown.scopes, ['task:read', 'task:write'])
  deepEqual(await nexus.call('auth.keys.get', { key_id: shown.key_id }), shown)
  deepEqual((await nexus.call('auth.keys.list', {})).keys, [shown])
  const { secretTag, ...principal } = await nexus.auth.authenticate(key, here)
  match(secretTag, /^[\da-f]{8}$/)
  deepEqual(principal, {
    keyId: shown.key_id,
    scopes: ['task:read', 'task:write'],
    deviceId: null,
    agentId: null,
    rateLimits: {},
  })
})

test('a key whose hash takes long holds up no other write', async (t) => {
  const hashing = Promise.withResolvers<void>()
  const nexus = await startAuth(t, { beforeHash: () => hashing.promise })
  const created = nexus.create()
  await nexus.engine.write(async () => 'went through')
  hashing.resolve()
  equal((await created).name, 'one')
})

test('only the fields of the contract come out', async (t) => {
  const nexus = await startAuth(t)
  const { key_id } = await nexus.create()
  deepEqual(Object.keys(await nexus.call('auth.keys.get', { key_id })).sort(), [
    'agent_id',
    'allowed_cidrs',
    'created_at',
    'device_id',
    'expires_at',
    'key_id',
    'last_used_at',
    'name',
    'prefix',
    'rate_limits',
    'revoked_at',
    'scopes',
  ])
})

const refused: [why: string, input: Partial<ApiKeyCreate>, field: string][] = [
  ['an expiry in the past', { expires_at: '2025-12-31T23:59:59Z' }, 'expires_at'],
  ['an expiry that is now', { expires_at: '2026-01-01T01:00:00+01:00' }, 'expires_at'],
  ['a block that is none', { allowed_cidrs: ['10.0.0.0/8', '10.0.0.0/40'] }, 'allowed_cidrs.1'],
  ['a device and an agent both', { device_id: 'd', agent_id: 'a' }, 'agent_id'],
]
for (const [why, input, field] of refused) {
  test(`${why} is refused, and nothing is stored`, async (t) => {
    const nexus = await startAuth(t)
    await rejects(nexus.create(input), (error: { code: string; details: { field: string } }) => {
      deepEqual([error.code, error.details.field], ['VALIDATION_ERROR', field])
      return true
    })
    equal((await nexus.call('auth.keys.list', {})).keys.length, 0)
  })
}

test('all faults are named at once, and the expiry is kept in UTC', async (t) => {
  const nexus = await startAuth(t)
  await rejects(nexus.create({ expires_at: '2020-01-01T00:00:00Z', allowed_cidrs: ['x.y'] }), (error) => {
    equal((error as { details: { errors: unknown[] } }).details.errors.length, 2)
    return true
  })
  equal((await nexus.create({ expires_at: '2026-02-01T02:00:00+02:00' })).expires_at, '2026-02-01T00:00:00.000Z')
})

test('every operation on keys needs admin', async (t) => {
  const nexus = await startAuth(t)
  const { key_id } = await nexus.create()
  const principal = { ...admin, scopes: ['telemetry:read', 'task:write'] as const }
  const create = { name: 'mine', scopes: ['admin' as const] }
  await rejects(nexus.call('auth.keys.create', create, principal), { code: 'FORBIDDEN' })
  await rejects(nexus.call('auth.keys.list', {}, principal), { code: 'FORBIDDEN' })
  for (const id of ['auth.keys.get', 'auth.keys.update', 'auth.keys.revoke', 'auth.keys.rotate'] as const) {
    await rejects(nexus.call(id, { key_id }, principal), { code: 'FORBIDDEN' })
  }
})

test('an unknown key is not found by any operation', async (t) => {
  const nexus = await startAuth(t)
  for (const id of ['auth.keys.get', 'auth.keys.update', 'auth.keys.revoke', 'auth.keys.rotate'] as const) {
    await rejects(nexus.call(id, { key_id: 'key-nobody' }), { code: 'NOT_FOUND' })
  }
})

test('keys are listed newest first over pages, revoked ones too', async (t) => {
  const nexus = await startAuth(t)
  const made: string[] = []
  for (let i = 0; i < 5; i++) {
    made.unshift((await nexus.create()).key_id)
    nexus.clock.turn(1000)
  }
  await nexus.call('auth.keys.revoke', { key_id: made[1]! })
  const first = await nexus.call('auth.keys.list', { limit: 3 })
  const second = await nexus.call('auth.keys.list', { limit: 3, cursor: first.next_cursor! })
  deepEqual(
    [...first.keys, ...second.keys].map((key) => key.key_id),
    made,
  )
  equal(first.keys[1]?.revoked_at, '2026-01-01T00:00:05.000Z')
  equal(second.next_cursor, null)
  await rejects(nexus.call('auth.keys.list', { cursor: 'bogus' }), { code: 'INVALID_REQUEST' })
})

test('a patch changes what it names, from the next request on', async (t) => {
  const nexus = await startAuth(t)
  const { key, key_id } = await nexus.create({ rate_limits: { task: 5 }, expires_at: '2026-06-01T00:00:00Z' })
  await nexus.auth.authenticate(key, here)
  const patch = { key_id, scopes: ['task:read' as const], rate_limits: { ai: 7 }, expires_at: null }
  const shown = await nexus.call('auth.keys.update', patch)
  deepEqual([shown.name, shown.rate_limits, shown.expires_at], ['one', { task: 5, ai: 7 }, null])
  equal(nexus.auth.authenticateCached(key, here), undefined)
  deepEqual((await nexus.auth.authenticate(key, here)).scopes, ['task:read'])
  deepEqual((await nexus.call('auth.keys.update', { key_id, rate_limits: { task: null } })).rate_limits, { ai: 7 })
})

test('a revoked key stops at once, a second revocation changes nothing, and it can not be changed', async (t) => {
  const nexus = await startAuth(t)
  const { key, key_id } = await nexus.create()
  await nexus.auth.authenticate(key, here)
  equal(await nexus.call('auth.keys.revoke', { key_id }), null)
  equal(nexus.auth.authenticateCached(key, here), undefined)
  await rejects(nexus.auth.authenticate(key, here), { code: 'UNAUTHORIZED' })
  const { revoked_at } = await nexus.call('auth.keys.get', { key_id })
  nexus.clock.turn(1000)
  equal(await nexus.call('auth.keys.revoke', { key_id }), null)
  equal((await nexus.call('auth.keys.get', { key_id })).revoked_at, revoked_at)
  await rejects(nexus.call('auth.keys.update', { key_id, name: 'x' }), { code: 'CONFLICT' })
  await rejects(nexus.call('auth.keys.rotate', { key_id }), { code: 'CONFLICT' })
})

test('after a rotation both secrets work until the grace ends, then only the new one', async (t) => {
  const nexus = await startAuth(t)
  const old = await nexus.create()
  const { key, ...shown } = await nexus.call('auth.keys.rotate', { key_id: old.key_id, grace: '1h' })
  notEqual(key, old.key)
  equal(shown.key_id, old.key_id)
  equal((await nexus.auth.authenticate(old.key, here)).keyId, old.key_id)
  equal((await nexus.auth.authenticate(key, here)).keyId, old.key_id)
  nexus.clock.turn(hour - 1)
  equal((await nexus.auth.authenticate(old.key, here)).keyId, old.key_id)
  nexus.clock.turn(1)
  equal(nexus.auth.authenticateCached(old.key, here), undefined)
  await rejects(nexus.auth.authenticate(old.key, here), { code: 'UNAUTHORIZED' })
  await nexus.auth.authenticate(key, here)
})

test('without a grace the old secret ends at once; over 30 days is refused; 24 hours is the default', async (t) => {
  const nexus = await startAuth(t)
  const first = await nexus.create()
  await nexus.auth.authenticate(first.key, here)
  const second = await nexus.call('auth.keys.rotate', { key_id: first.key_id, grace: '0s' })
  await rejects(nexus.auth.authenticate(first.key, here), { code: 'UNAUTHORIZED' })
  await rejects(nexus.call('auth.keys.rotate', { key_id: first.key_id, grace: '31d' }), { code: 'VALIDATION_ERROR' })
  await nexus.call('auth.keys.rotate', { key_id: first.key_id })
  nexus.clock.turn(24 * hour - 1)
  await nexus.auth.authenticate(second.key, here)
  nexus.clock.turn(1)
  await rejects(nexus.auth.authenticate(second.key, here), { code: 'UNAUTHORIZED' })
})

test('a creation under an idempotency key is replayed with its secret, which rests nowhere in clear', async (t) => {
  const nexus = await startAuth(t)
  const again = () =>
    nexus.answer('auth.keys.create', { name: 'one', scopes: ['task:read'] }, { idempotencyKey: 'once' })
  const first = await again()
  const second = await again()
  deepEqual([first.replayed, second.replayed], [false, true])
  deepEqual(second.output, first.output)
  equal((await nexus.call('auth.keys.list', {})).keys.length, 1)

  const { key } = first.output as { key: string }
  match(key, /^nxs_live_/)
  await nexus.auth.authenticate(key, here)
  await nexus.auth.flush()
  for (const file of [nexus.file, `${nexus.file}-wal`]) equal(readFileSync(file).includes(key.slice(22, 65)), false)
})
