import { createHash } from 'node:crypto'
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
 * Puts messages into the outbox, in the transaction of what they tell of; they are on their way once that is durable. Awaits
 * nothing but state. Never fails for what a message is: one that is larger than 256 KiB, or beyond what may wait for its
 * key, is kept as failed, which the key's owner sees. Returns the ids of the deliveries, in their order.
 */
export async function enqueueWebhooks(
  deps: WebhookDeps,
  ctx: Pick<WriteCtx, 'tx' | 'traceId'>,
  messages: readonly WebhookMessage[],
): Promise<string[]> {
  const { store } = deps
  const createdAt = deps.now()
  const rooms = new Map<string, number>()
  for (const keyId of new Set(messages.map(({ keyId }) => keyId))) {
    rooms.set(keyId, deps.waitingMax - (await store.countWaiting(ctx.tx, keyId, deps.waitingMax)))
    await ensuredSecret(store, ctx.tx, keyId, createdAt)
  }
  const made = messages.map((message) => newDelivery(message, ctx.traceId, createdAt))
  const deliveries = made.map((delivery) => admitted(delivery, rooms))
  await store.insert(ctx.tx, deliveries)
  if (deliveries.some(({ error }) => error === null)) store.afterCommit(ctx.tx, deps.wake)
  return deliveries.map(({ deliveryId }) => deliveryId)
}

function newDelivery(message: WebhookMessage, traceId: string, createdAt: number): NewDelivery {
  const { keyId, url, eventId, type, attemptsMax = attemptsDefault } = message
  const body = bodyOf(message, createdAt)
  const isTooLarge = Buffer.byteLength(body) > bodyBytesMax
  return {
    deliveryId: newId('whd'),
    keyId,
    eventId,
    type,
    url,
    host: new URL(url).hostname,
    target: createHash('sha256').update(`${keyId}\n${url}`).digest('base64url'),
    body: isTooLarge ? null : body,
    traceId,
    attemptsMax,
    createdAt,
    error: isTooLarge ? 'payload_too_large' : null,
  }
}

/** As Standard Webhooks recommends; fixed here, so that each attempt sends the same bytes. */
function bodyOf({ type, payload, at }: WebhookMessage, now: number): string {
  return JSON.stringify({ type, timestamp: toIso(at ?? now), data: payload })
}

/** Takes its place of those that are left for its key; it has failed when none is. */
function admitted(delivery: NewDelivery, rooms: Map<string, number>): NewDelivery {
  if (delivery.error !== null) return delivery
  const room = rooms.get(delivery.keyId)!
  rooms.set(delivery.keyId, room - 1)
  return room > 0 ? delivery : { ...delivery, error: 'too_many_waiting' }
}
