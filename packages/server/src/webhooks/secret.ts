import type { Output } from '@nexus/contract'
import { toIso } from '../core/clock.ts'
import type { Tx, WriteCtx } from '../core/context.ts'
import type { WebhookDeps } from './deps.ts'
import type { KeptSecret, WebhookStore } from './ports.ts'
import { newWebhookSecret } from './signature.ts'

const graceMs = 24 * 3_600_000

/** The secret of the caller's key. */
export async function getWebhookSecret(deps: WebhookDeps, ctx: WriteCtx): Promise<Output<'webhooks.secret.get'>> {
  return shown(await ensuredSecret(deps.store, ctx.tx, ctx.principal.keyId, deps.now()), deps.now())
}

/** Makes a new one; the one that was signs too for a day. One from before it ends now. */
export async function rotateWebhookSecret(
  { store, now }: WebhookDeps,
  ctx: WriteCtx,
): Promise<Output<'webhooks.secret.rotate'>> {
  const { keyId } = ctx.principal
  const at = now()
  const { secret } = await ensuredSecret(store, ctx.tx, keyId, at)
  const renewed = { secret: newWebhookSecret(), createdAt: at, previous: { secret, until: at + graceMs } }
  await store.replaceSecret(ctx.tx, keyId, renewed)
  return shown(renewed, at)
}

/** The secret of a key, made if there is none: of two who make it at once, one's stays. */
export async function ensuredSecret(store: WebhookStore, tx: Tx, keyId: string, now: number): Promise<KeptSecret> {
  const kept = await store.secret(keyId, tx)
  if (kept) return kept
  const made = { secret: newWebhookSecret(), createdAt: now, previous: null }
  await store.insertSecret(tx, keyId, made)
  return (await store.secret(keyId, tx)) ?? made
}

function shown({ secret, createdAt, previous }: KeptSecret, now: number): Output<'webhooks.secret.get'> {
  const isValid = previous !== null && now < previous.until
  return {
    secret,
    created_at: toIso(createdAt),
    previous_valid_until: isValid ? toIso(previous.until) : null,
  }
}
