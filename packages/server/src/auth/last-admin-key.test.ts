import { deepEqual, equal, rejects } from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Input } from '@nexus/contract'
import { keyIdOf, newKey } from './key-format.ts'
import { startAuth } from './testing/auth-under-test.ts'

type Nexus = Awaited<ReturnType<typeof startAuth>>
type Patch = Omit<Input<'auth.keys.update'>, 'key_id'>

const soon = '2026-01-01T00:00:01Z'

const limits: [what: string, patch: Patch, field: string][] = [
  ['a near expiry', { expires_at: soon }, 'expires_at'],
  ['an expiry in a hundred years', { expires_at: '2126-01-01T00:00:00Z' }, 'expires_at'],
  ['an address list', { allowed_cidrs: ['203.0.113.0/24'] }, 'allowed_cidrs'],
  ['scopes without admin', { scopes: ['task:read'] }, 'scopes'],
]
for (const [what, patch, field] of limits) {
  test(`the last admin key that always works takes no patch with ${what}, and stays as it was`, async (t) => {
    const nexus = await startAuth(t)
    const { key, ...shown } = await nexus.create({ scopes: ['admin'] })
    const { key_id } = shown
    await isRefused(nexus.call('auth.keys.update', { key_id, ...patch }), field)
    deepEqual(await nexus.call('auth.keys.get', { key_id }), shown)
    await nexus.create({ scopes: ['admin'], allowed_cidrs: ['10.0.0.0/8'] })
    await nexus.create({ scopes: ['admin'], expires_at: '2027-01-01T00:00:00Z' })
    await isRefused(nexus.call('auth.keys.update', { key_id, ...patch }), field)
    await nexus.create({ scopes: ['admin'] })
    await nexus.call('auth.keys.update', { key_id, ...patch })
  })
}

test('the last admin key that always works can not be revoked, but renamed, limited in rate and rotated', async (t) => {
  const nexus = await startAuth(t)
  const { key_id } = await nexus.create({ scopes: ['admin'] })
  await isRefused(nexus.call('auth.keys.revoke', { key_id }), undefined)
  const patch: Patch = { name: 'root', expires_at: null, allowed_cidrs: [], rate_limits: { other: 60 } }
  equal((await nexus.call('auth.keys.update', { key_id, ...patch })).name, 'root')
  const { key } = await nexus.call('auth.keys.rotate', { key_id, grace: '0s' })
  await nexus.auth.authenticate(key, '192.0.2.1')
  await isRefused(nexus.call('auth.keys.update', { key_id, expires_at: soon }), 'expires_at')
})

test("the operator's own admin key is guarded as any other", async (t) => {
  const nexus = await startAuth(t)
  const given = newKey()
  await nexus.create({ scopes: ['admin'], expires_at: '2027-01-01T00:00:00Z' })
  equal((await nexus.auth.ensureAdminKey({ given, file: join(nexus.folder, 'admin.key') })).outcome, 'added')
  await isRefused(
    nexus.call('auth.keys.update', { key_id: keyIdOf(given)!, allowed_cidrs: ['10.0.0.0/8'] }),
    'allowed_cidrs',
  )
})

test('of two changes at once that would each leave the other key, one is refused', async (t) => {
  const changes: ((nexus: Nexus, key_id: string) => Promise<unknown>)[] = [
    (nexus, key_id) => nexus.call('auth.keys.update', { key_id, expires_at: soon }),
    (nexus, key_id) => nexus.call('auth.keys.update', { key_id, allowed_cidrs: ['10.0.0.0/8'] }),
    (nexus, key_id) => nexus.call('auth.keys.revoke', { key_id }),
  ]
  for (const first of changes) {
    for (const second of changes) {
      const nexus = await startAuth(t)
      const one = await nexus.create({ scopes: ['admin'] })
      const two = await nexus.create({ scopes: ['admin', 'task:read'] })
      const outcomes = await Promise.allSettled([first(nexus, one.key_id), second(nexus, two.key_id)])
      deepEqual(
        outcomes.map(({ status }) => status),
        ['fulfilled', 'rejected'],
      )
    }
  }
})

async function isRefused(change: Promise<unknown>, field: string | undefined): Promise<void> {
  await rejects(change, (error: { code: string; details: { reason: string; field?: string } }) => {
    deepEqual([error.code, error.details.reason, error.details.field], ['CONFLICT', 'last_admin_key', field])
    return true
  })
}
