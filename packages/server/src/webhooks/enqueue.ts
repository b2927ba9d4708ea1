import { createHash } from 'node:crypto'
import type { WebhookError } from '@nexus/contract'
import { toIso } from '../core/clock.ts'
import type { WriteCtx } from '../core/context.ts'
import { newId } from '../core/ids.ts'
import type { WebhookDeps } from './deps.ts'
import type { NewDelivery } from './ports.ts'
import { attemptsDefault } from './schedule.ts'
import { ensuredSecret } from './secret.ts'

/** Something that happened, for one address. */
export interface WebhookMessage {
  /** Whose secret signs it, and who sees the delivery. */
  keyId: string
  /** What `check` has let pass. */
  url: string
  /** Sent as `webhook-id`, by which receivers know repetitions; without dots and blanks. */
  eventId: string
  type: string
  /** Sent as `data`; JSON. */
  payload: unknown
  /** When it happened (ms since the epoch); default: now. */
  at?: number
  /** How often it is tried; default: ten times, over three days. */
  attemptsMax?: number
}

const bodyBytesMax = 256 * 1024

/**
 * Puts a message into the outbox, in the transaction of what it tells of; it is on its way once that is durable. Awaits
 * nothing but state. Never fails for what the message is: one that is larger than 256 KiB, or beyond what may wait for its
 * key, is kept as failed, which the key's owner sees. Returns the id of the delivery.
 */
export async function enqueueWebhook(
  deps: WebhookDeps,
  ctx: Pick<WriteCtx, 'tx' | 'traceId'>,
  message: WebhookMessage,
): Promise<string> {
  const { store } = deps
  const { keyId, url } = message
  const createdAt = deps.now()
  const body = bodyOf(message, createdAt)
  const isTooLarge = Buffer.byteLength(body) > bodyBytesMax
  const delivery: NewDelivery = {
    deliveryId: newId('whd'),
    keyId,
    eventId: message.eventId,
    type: message.type,
    url,
    host: new URL(url).hostname,
    target: createHash('sha256').update(`${keyId}\n${url}`).digest('base64url'),
    body: isTooLarge ? null : body,
    traceId: ctx.traceId,
    attemptsMax: message.attemptsMax ?? attemptsDefault,
    createdAt,
    error: isTooLarge ? 'payload_too_large' : await crowded(deps, ctx, keyId),
  }
  await ensuredSecret(store, ctx.tx, keyId, createdAt)
  await store.insert(ctx.tx, delivery)
  if (delivery.error === null) store.afterCommit(ctx.tx, deps.wake)
  return delivery.deliveryId
}

/** As Standard Webhooks recommends; fixed here, so that each attempt sends the same bytes. */
function bodyOf({ type, payload, at }: WebhookMessage, now: number): string {
  return JSON.stringify({ type, timestamp: toIso(at ?? now), data: payload })
}

async function crowded(
  { store, waitingMax }: WebhookDeps,
  { tx }: Pick<WriteCtx, 'tx'>,
  keyId: string,
): Promise<WebhookError | null> {
  return (await store.hasWaiting(tx, keyId, waitingMax)) ? 'too_many_waiting' : null
}
