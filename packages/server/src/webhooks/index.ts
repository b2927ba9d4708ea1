import type { WriteCtx } from '../core/context.ts'
import { createLoop } from '../core/loop.ts'
import type { WebhookDeps } from './deps.ts'
import { enqueueWebhooks, type WebhookMessage } from './enqueue.ts'
import { createGuard } from './guard.ts'
import { type WebhookHandlers, webhookHandlers } from './handlers.ts'
import type { WebhookStore } from './ports.ts'
import { type PostResult, post } from './post.ts'
import { type SignedRequest, sendRequest } from './request.ts'
import { createResolver, type Resolver } from './resolver.ts'
import { createSender } from './sender.ts'

export type { WebhookMessage } from './enqueue.ts'
export type {
  AttemptResult,
  ClaimedDelivery,
  DeliveryPosition,
  DueDelivery,
  KeptSecret,
  Lanes,
  NewDelivery,
  Settlement,
  WebhookStore,
} from './ports.ts'
export type { Resolver } from './resolver.ts'

export interface WebhookOptions {
  store: WebhookStore
  now(): number
  /** Where private addresses, plain http and any port are permitted. */
  allowCidrs: readonly string[]
  /** How long deliveries that have ended are kept, and how many. */
  keepMs: number
  keepMax: number
  /** How many deliveries of one key may wait. */
  waitingMax: number
  onError(cause: unknown): void
  /** Default: DNS. */
  resolve?: Resolver
  /** 0 to 1; default: `Math.random`. */
  random?(): number
  /** How long one attempt may take; default: 15 s. */
  timeoutMs?: number
}

export interface Webhooks {
  handlers: WebhookHandlers
  /**
   * Whether an address may be kept, to be sent to later. Names are looked up by each attempt alone. Errors: VALIDATION_ERROR,
   * naming the field.
   */
  check(url: string, field: string): Promise<void>
  /** See `sendRequest`. */
  send(keyId: string, request: SignedRequest, signal: AbortSignal): Promise<PostResult>
  /** See `enqueueWebhooks`. */
  enqueue(ctx: Pick<WriteCtx, 'tx' | 'traceId'>, messages: readonly WebhookMessage[]): Promise<string[]>
  start(): void
  /** Begins no more attempts; those under way have the grace to end. Nothing is lost. */
  stop(graceMs?: number): Promise<void>
}

const timeoutMsDefault = 15_000
const leaseMarginMs = 45_000
const concurrency = 64
const concurrencyPerHost = 4
/** One key alone has 16 of them, four have 9 each and leave 28, ten have 5 each and leave 14. */
const perFreeOfKey = 1 / 3
/** Other nodes tell nothing of what they leave behind, so it is looked for so often. */
const lookMs = 60_000

/** Messages to addresses that clients name: a durable outbox, signed by Standard Webhooks, sent at least once. */
export function createWebhooks(options: WebhookOptions): Webhooks {
  const { store, now, allowCidrs, onError, timeoutMs = timeoutMsDefault } = options
  const guard = createGuard({ resolve: options.resolve ?? createResolver(), allowCidrs })
  const sender = createSender({
    store,
    send: (message, signal) => post({ guard, now, timeoutMs }, message, signal),
    now,
    random: options.random ?? Math.random,
    concurrency,
    concurrencyPerHost,
    perFreeOfKey,
    leaseMs: timeoutMs + leaseMarginMs,
    onError,
  })
  const look = createLoop({
    restMs: lookMs,
    async run() {
      sender.wake()
      await store.trim(now() - options.keepMs, options.keepMax)
    },
    onError,
  })
  const deps: WebhookDeps = { store, guard, waitingMax: options.waitingMax, now, wake: sender.wake }
  return {
    handlers: webhookHandlers(deps),
    check: guard.check,
    send: (keyId, request, signal) => sendRequest({ store, guard, now, timeoutMs }, keyId, request, signal),
    enqueue: (ctx, messages) => enqueueWebhooks(deps, ctx, messages),
    start() {
      sender.start()
      look.start()
    },
    async stop(graceMs = 0) {
      await look.stop()
      await sender.stop(graceMs)
    },
  }
}
