import { type Handlers, prepared } from '../core/invoke.ts'
import type { WebhookDeps } from './deps.ts'
import { getDelivery } from './get.ts'
import { listDeliveries } from './list.ts'
import { redeliver } from './redeliver.ts'
import { getWebhookSecret, rotateWebhookSecret } from './secret.ts'
import { sendTest } from './send-test.ts'

export type WebhookHandlers = Pick<
  Handlers,
  | 'webhooks.secret.get'
  | 'webhooks.secret.rotate'
  | 'webhooks.test'
  | 'webhooks.deliveries.list'
  | 'webhooks.deliveries.get'
  | 'webhooks.deliveries.redeliver'
>

export function webhookHandlers(deps: WebhookDeps): WebhookHandlers {
  return {
    'webhooks.secret.get': (ctx) => getWebhookSecret(deps, ctx),
    'webhooks.secret.rotate': (ctx) => rotateWebhookSecret(deps, ctx),
    'webhooks.test': prepared({
      prepare: (_ctx, { url }) => deps.guard.check(url, 'url'),
      run: (ctx, input) => sendTest(deps, ctx, input),
    }),
    'webhooks.deliveries.list': (ctx, input) => listDeliveries(deps, ctx, input),
    'webhooks.deliveries.get': (ctx, input) => getDelivery(deps, ctx, input),
    'webhooks.deliveries.redeliver': (ctx, input) => redeliver(deps, ctx, input),
  }
}
