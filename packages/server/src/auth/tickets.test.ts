import { deepEqual, equal, match, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import type { Principal } from '../core/context.ts'
import { admin, startAuth } from './testing/auth-under-test.ts'

const here = '192.0.2.1'
const unauthorized = { code: 'UNAUTHORIZED', details: { reason: 'invalid_key' } }

async function keyAndTicket(t: Parameters<typeof startAuth>[0], more: { allowed_cidrs?: string[] } = {}) {
  const nexus = await startAuth(t)
  const { key_id } = await nexus.create(more)
  const caller: Principal = { ...admin, keyId: key_id, scopes: ['telemetry:read'] }
  const ticket = async () => (await nexus.call('auth.tickets.create', {}, caller)).ticket
  return { nexus, key_id, ticket }
}

test('a ticket stands for its key, once', async (t) => {
  const { nexus, key_id, ticket } = await keyAndTicket(t)
  const made = await ticket()
  match(made, /^nxs_ticket_[\w-]{32}$/)
  const { keyId, scopes } = await nexus.auth.authenticateTicket(made, here)
  deepEqual({ keyId, scopes }, { keyId: key_id, scopes: ['telemetry:read'] })
  await rejects(nexus.auth.authenticateTicket(made, here), unauthorized)
  const rows = await nexus.engine.reads.selectFrom('tickets').selectAll().execute()
  equal(JSON.stringify(rows).includes(made), false)
})

test('a ticket is refused after half a minute, after its key is revoked, and from where the key is not allowed', async (t) => {
  const { nexus, key_id, ticket } = await keyAndTicket(t, { allowed_cidrs: ['192.0.2.0/24'] })
  const late = await ticket()
  nexus.clock.turn(30_000)
  await rejects(nexus.auth.authenticateTicket(late, here), unauthorized)
  await rejects(nexus.auth.authenticateTicket(await ticket(), '203.0.113.9'), unauthorized)
  const revoked = await ticket()
  await nexus.auth.principalOf(key_id, here)
  await nexus.call('auth.keys.revoke', { key_id })
  await rejects(nexus.auth.authenticateTicket(revoked, here), unauthorized)
  await rejects(nexus.auth.principalOf(key_id, here), unauthorized)
})

test('guesses at tickets count as bad keys', async (t) => {
  const { nexus } = await keyAndTicket(t)
  const guess = () => nexus.auth.authenticateTicket(`nxs_ticket_${'x'.repeat(32)}`, here)
  for (let i = 0; i < 10; i++) await rejects(guess(), unauthorized)
  await rejects(guess(), { code: 'RATE_LIMIT_EXCEEDED' })
  await rejects(nexus.auth.authenticateTicket('nonsense', '192.0.2.2'), unauthorized)
})
