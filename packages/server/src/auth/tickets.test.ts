import { deepEqual, equal, match, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import type { Principal } from '../core/context.ts'
import { startAuth } from './testing/auth-under-test.ts'

const here = '192.0.2.1'
const unauthorized = { code: 'UNAUTHORIZED', details: { reason: 'invalid_key' } }

async function keyAndTicket(t: Parameters<typeof startAuth>[0], more: { allowed_cidrs?: string[] } = {}) {
  const nexus = await startAuth(t)
  const { key, key_id } = await nexus.create(more)
  const caller = await nexus.auth.authenticate(key, here)
  const ticket = async (of: Principal = caller) => (await nexus.call('auth.tickets.create', {}, of)).ticket
  return { nexus, key_id, caller, ticket }
}

test('a ticket stands for its key, once', async (t) => {
  const { nexus, caller, ticket } = await keyAndTicket(t)
  const made = await ticket()
  match(made, /^nxs_ticket_[\w-]{32}$/)
  deepEqual(await nexus.auth.authenticateTicket(made, here), caller)
  await rejects(nexus.auth.authenticateTicket(made, here), unauthorized)
  await ticket()
  const rows = await nexus.engine.reads.selectFrom('tickets').selectAll().execute()
  equal(rows.length, 1)
  equal(JSON.stringify(rows).includes('nxs_ticket'), false)
})

test('a ticket is refused after half a minute, after its key is revoked, and from where the key is not allowed', async (t) => {
  const { nexus, key_id, caller, ticket } = await keyAndTicket(t, { allowed_cidrs: ['192.0.2.0/24'] })
  const late = await ticket()
  nexus.clock.turn(30_000)
  await rejects(nexus.auth.authenticateTicket(late, here), unauthorized)
  await rejects(nexus.auth.authenticateTicket(await ticket(), '203.0.113.9'), unauthorized)
  const revoked = await ticket()
  await nexus.auth.admitAgain(caller, here)
  await nexus.call('auth.keys.revoke', { key_id })
  await rejects(nexus.auth.authenticateTicket(revoked, here), unauthorized)
  await rejects(nexus.auth.admitAgain(caller, here), unauthorized)
})

test('a ticket, and what it opened, ends with the secret with which it was made', async (t) => {
  const { nexus, key_id, ticket } = await keyAndTicket(t)
  const opened = await nexus.auth.authenticateTicket(await ticket(), here)
  const kept = await ticket(opened)
  const renewed = await nexus.call('auth.keys.rotate', { key_id, grace: '1h' })
  deepEqual(await nexus.auth.admitAgain(opened, here), opened)
  nexus.clock.turn(1000)
  const again = await nexus.auth.authenticateTicket(kept, here)
  nexus.clock.turn(3_600_000)
  await rejects(nexus.auth.admitAgain(opened, here), unauthorized)
  await rejects(nexus.auth.admitAgain(again, here), unauthorized)
  await nexus.auth.authenticateTicket(await ticket(await nexus.auth.authenticate(renewed.key, here)), here)
  await rejects(nexus.auth.authenticateTicket(await ticket(opened), here), unauthorized)
})

test('guesses at tickets count as bad keys, and write nothing', async (t) => {
  const { nexus } = await keyAndTicket(t)
  const guess = () => nexus.auth.authenticateTicket(`nxs_ticket_${'x'.repeat(32)}`, here)
  for (let i = 0; i < 10; i++) await rejects(guess(), unauthorized)
  await rejects(guess(), { code: 'RATE_LIMIT_EXCEEDED' })
  await rejects(nexus.auth.authenticateTicket('nonsense', '192.0.2.2'), unauthorized)
})
