import { deepEqual, equal, match, rejects } from 'node:assert/strict'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { keyIdOf, newKey } from './key-format.ts'
import { startAuth } from './testing/auth-under-test.ts'

const here = '192.0.2.1'

test('the first start makes an admin key, keeps it for the owner alone, and later starts make none', async (t) => {
  const nexus = await startAuth(t)
  const file = join(nexus.folder, 'admin.key')
  const { outcome, key } = await nexus.auth.ensureAdminKey({ file })
  equal(outcome, 'created')
  deepEqual((await nexus.auth.authenticate(key!, here)).scopes, ['admin'])
  equal(readFileSync(file, 'utf8'), `${key}\n`)
  equal(statSync(file).mode & 0o777, 0o600)
  deepEqual(await nexus.auth.ensureAdminKey({ file }), { outcome: 'present', key: null })
})

test("the operator's key is taken, and another one given later is added", async (t) => {
  const nexus = await startAuth(t)
  const file = join(nexus.folder, 'admin.key')
  const [first, second] = [newKey(), newKey()]
  for (const given of [first, second]) {
    equal((await nexus.auth.ensureAdminKey({ given, file })).outcome, 'added')
    equal((await nexus.auth.ensureAdminKey({ given, file })).outcome, 'present')
    equal(readFileSync(file, 'utf8'), `${given}\n`)
  }
  for (const key of [first, second]) deepEqual((await nexus.auth.authenticate(key, here)).scopes, ['admin'])
})

test('a given key that is not well-formed is refused in clear words', async (t) => {
  const nexus = await startAuth(t)
  const file = join(nexus.folder, 'admin.key')
  for (const given of ['', 'secret', `${newKey().slice(0, -6)}000000`]) {
    await rejects(nexus.auth.ensureAdminKey({ given, file }), /NEXUS_ADMIN_KEY is not a Nexus key/)
  }
  equal(existsSync(file), false)
})

test('a given key that was revoked stays revoked', async (t) => {
  const nexus = await startAuth(t)
  const file = join(nexus.folder, 'admin.key')
  const given = newKey()
  await nexus.auth.ensureAdminKey({ given, file })
  await nexus.create({ scopes: ['admin'] })
  await nexus.call('auth.keys.revoke', { key_id: keyIdOf(given)! })
  equal((await nexus.auth.ensureAdminKey({ given, file })).outcome, 'given_key_refused')
  await rejects(nexus.auth.authenticate(given, here), { code: 'UNAUTHORIZED' })
})

test('a given key that was rotated away does not come back', async (t) => {
  const nexus = await startAuth(t)
  const file = join(nexus.folder, 'admin.key')
  const given = newKey()
  await nexus.auth.ensureAdminKey({ given, file })
  await nexus.call('auth.keys.rotate', { key_id: keyIdOf(given)!, grace: '1h' })
  equal((await nexus.auth.ensureAdminKey({ given, file })).outcome, 'present')
  nexus.clock.turn(3_600_000)
  equal((await nexus.auth.ensureAdminKey({ given, file })).outcome, 'given_key_refused')
})

test('where every admin key expires or is limited to addresses, a start makes one that always works', async (t) => {
  const nexus = await startAuth(t)
  const file = join(nexus.folder, 'admin.key')
  await nexus.create({ scopes: ['admin'], expires_at: '2026-01-02T00:00:00Z' })
  await nexus.create({ scopes: ['admin'], allowed_cidrs: ['10.0.0.0/8'] })
  const { outcome, key } = await nexus.auth.ensureAdminKey({ file })
  equal(outcome, 'created')
  match(key!, /^nxs_live_/)
  equal((await nexus.auth.ensureAdminKey({ file })).outcome, 'present')
})

test('two nodes that start at once on one state make one admin key', async (t) => {
  const nexus = await startAuth(t)
  const outcomes = await Promise.all([
    nexus.auth.ensureAdminKey({ file: join(nexus.folder, 'one.key') }),
    nexus.restart().ensureAdminKey({ file: join(nexus.folder, 'two.key') }),
  ])
  deepEqual(outcomes.map((one) => one.outcome).sort(), ['created', 'present'])
  equal((await nexus.call('auth.keys.list', {})).keys.length, 1)
  equal(existsSync(join(nexus.folder, 'one.key')) && existsSync(join(nexus.folder, 'two.key')), false)
})
