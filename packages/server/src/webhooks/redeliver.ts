import type { Input, WebhookDelivery } from '@nexus/contract'
import type { WriteCtx } from '../core/context.ts'
import { fail } from '../core/failure.ts'
import type { WebhookDeps } from './deps.ts'
import { foundDelivery } from './get.ts'

/**
 * Makes a delivery due at once, under the same `webhook-id`.
 * Errors: NOT_FOUND; CONFLICT (`delivery_under_way`, `payload_too_large`: its body was never kept).
 */
export async function redeliver(
  deps: WebhookDeps,
  ctx: WriteCtx,
  { delivery_id: deliveryId }: Input<'webhooks.deliveries.redeliver'>,
): Promise<WebhookDelivery> {
  const { error } = await foundDelivery(deps, ctx, deliveryId, ctx.tx)
  if (error === 'payload_too_large') throw fail('CONFLICT', { reason: 'payload_too_large', delivery_id: deliveryId })
  if (!(await deps.store.restart(ctx.tx, deliveryId, deps.now())))
    throw fail('CONFLICT', { reason: 'delivery_under_way', delivery_id: deliveryId })
  deps.store.afterCommit(ctx.tx, deps.wake)
  return foundDelivery(deps, ctx, deliveryId, ctx.tx)
}
