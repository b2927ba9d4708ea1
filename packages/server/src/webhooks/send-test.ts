import type { Input, WebhookDelivery } from '@nexus/contract'
import type { WriteCtx } from '../core/context.ts'
import { newId } from '../core/ids.ts'
import type { WebhookDeps } from './deps.ts'
import { enqueueWebhooks } from './enqueue.ts'
import { foundDelivery } from './get.ts'

/** Puts a message of the type `webhook.test` into the outbox; it is tried once, since its sender is watching. */
export async function sendTest(
  deps: WebhookDeps,
  ctx: WriteCtx,
  { url }: Input<'webhooks.test'>,
): Promise<WebhookDelivery> {
  const { keyId } = ctx.principal
  const eventId = newId('test')
  const message = { keyId, url, eventId, type: 'webhook.test', payload: { key_id: keyId }, attemptsMax: 1 }
  const [deliveryId] = await enqueueWebhooks(deps, ctx, [message])
  return foundDelivery(deps, ctx, deliveryId!, ctx.tx)
}
