import type { Input, WebhookDelivery } from '@nexus/contract'
import { type Ctx, holds, type Tx } from '../core/context.ts'
import { fail } from '../core/failure.ts'
import type { WebhookDeps } from './deps.ts'

export function getDelivery(
  deps: WebhookDeps,
  ctx: Ctx,
  input: Input<'webhooks.deliveries.get'>,
): Promise<WebhookDelivery> {
  return foundDelivery(deps, ctx, input.delivery_id)
}

/** Errors: NOT_FOUND, also for a delivery of another key, unless the caller is an admin. */
export async function foundDelivery(
  { store }: WebhookDeps,
  { principal }: Ctx,
  deliveryId: string,
  tx?: Tx,
): Promise<WebhookDelivery> {
  const delivery = await store.find(deliveryId, tx)
  if (delivery && (delivery.key_id === principal.keyId || holds(principal, 'admin'))) return delivery
  throw fail('NOT_FOUND', { reason: 'no_such_delivery', delivery_id: deliveryId })
}
