import type { Input, WebhookDelivery } from '@nexus/contract'
import type { WriteCtx } from '../core/context.ts'
import { newId } from '../core/ids.ts'
import type { WebhookDeps } from './deps.ts'
import { enqueueWebhook } from './enqueue.ts'
import { foundDelivery } from './get.ts'

/** Puts a message of the type `webhook.test` into the outbox; it is tried once, since its sender is watching. */
export async function sendTest(
  deps: WebhookDeps,
  ctx: WriteCtx,
  { url }: Input<'webhooks.test'>,
): Promise<WebhookDelivery> {
  const { keyId } = ctx.principal
  const deliveryId = await enqueueWebhook(deps, ctx, {
    keyId,
    url,
    eventId: newId('test'),
    type: 'webhook.test',
    payload: { key_id: keyId },
    attemptsMax: 1,
  })
  return foundDelivery(deps, ctx, deliveryId, ctx.tx)
}
