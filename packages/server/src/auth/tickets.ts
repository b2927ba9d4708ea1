import { createHash, randomBytes } from 'node:crypto'
import { type Output, ticketPattern } from '@nexus/contract'
import { toIso } from '../core/clock.ts'
import type { WriteCtx } from '../core/context.ts'
import type { TicketStore } from './ports.ts'

const ticketMs = 30_000
const ticketBytes = 24

/** Makes a ticket for the caller's key and the secret of it that was shown; only its digest is kept. */
export async function createTicket(store: TicketStore, ctx: WriteCtx): Promise<Output<'auth.tickets.create'>> {
  const ticket = `nxs_ticket_${randomBytes(ticketBytes).toString('base64url')}`
  const expiresAt = ctx.now() + ticketMs
  const { keyId, secretTag } = ctx.principal
  await store.insert(ctx.tx, { digest: ticketDigest(ticket), keyId, secretTag, expiresAt })
  return { ticket, expires_at: toIso(expiresAt) }
}

const shape = new RegExp(ticketPattern)

export function isTicket(text: string): boolean {
  return shape.test(text)
}

export function ticketDigest(ticket: string): string {
  return createHash('sha256').update(ticket).digest('base64')
}
