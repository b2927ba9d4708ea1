import type { Guard } from './guard.ts'
import type { WebhookStore } from './ports.ts'

/** What the verbs on webhooks need. */
export interface WebhookDeps {
  store: WebhookStore
  guard: Guard
  /** How many deliveries of one key may wait. */
  waitingMax: number
  now(): number
  /** Something is due at once. */
  wake(): void
}
