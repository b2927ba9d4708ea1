import type { Input, Output } from '@nexus/contract'
import { type Ctx, holds } from '../core/context.ts'
import { decodeCursor, page } from '../core/paging.ts'
import type { WebhookDeps } from './deps.ts'

const limitDefault = 50

/** Newest first: those of the caller's key, for an admin all. */
export async function listDeliveries(
  { store }: WebhookDeps,
  { principal }: Ctx,
  { status, cursor, limit = limitDefault }: Input<'webhooks.deliveries.list'>,
): Promise<Output<'webhooks.deliveries.list'>> {
  const found = await store.newest(limit + 1, {
    keyId: holds(principal, 'admin') ? undefined : principal.keyId,
    status,
    before: cursor === undefined ? undefined : positionIn(cursor),
  })
  const { rows, next } = page(found, limit, (delivery) => [Date.parse(delivery.created_at), delivery.delivery_id])
  return { deliveries: rows, next_cursor: next }
}

function positionIn(cursor: string) {
  const [createdAt, deliveryId] = decodeCursor(cursor, ['number', 'string']) as [number, string]
  return { createdAt, deliveryId }
}
