import type { WebhookDelivery, WebhookError, WebhookStatus } from '@nexus/contract'
import type { Tx } from '../core/context.ts'

/** The secret of a key, and the one before it until its time is over (ms since the epoch). */
export interface KeptSecret {
  secret: string
  createdAt: number
  previous: { secret: string; until: number } | null
}

/** A delivery as it is put down: waiting, or ended before it began. */
export interface NewDelivery {
  deliveryId: string
  keyId: string
  eventId: string
  type: string
  url: string
  /** Of the address. */
  host: string
  /** Equal for equal keys and addresses, and tells nothing of them. */
  target: string
  /** The bytes that are signed and sent; null: too large to be kept. */
  body: string | null
  traceId: string
  attemptsMax: number
  createdAt: number
  /** Why it has failed at once; null: it is due at once. */
  error: WebhookError | null
}

/** A delivery that this process holds, until `leaseToken` is taken from it. */
export interface ClaimedDelivery extends Omit<NewDelivery, 'error' | 'body'> {
  body: string
  /** The one that is under way counted. */
  attempts: number
  leaseToken: string
}

export type DueDelivery = Pick<NewDelivery, 'deliveryId' | 'host' | 'keyId'>

/** What an attempt has come to. */
export interface AttemptResult {
  error: WebhookError | null
  statusCode: number | null
  response: string | null
}

/** What becomes of a delivery after an attempt; `released`: the attempt did not happen. */
export type Settlement =
  | ({ status: 'delivered' | 'failed' } & AttemptResult)
  | ({ status: 'pending'; dueAt: number } & AttemptResult)
  | { status: 'released' }

/** Who shares a line with others: what goes to one host, and what one key sends. */
export interface Lanes {
  hosts: readonly string[]
  keys: readonly string[]
}

export interface DeliveryPosition {
  createdAt: number
  deliveryId: string
}

export interface WebhookStore {
  write<T>(fn: (tx: Tx) => Promise<T>): Promise<T>
  /** Runs once the transaction is durable, before its caller hears of it. */
  afterCommit(tx: Tx, fn: () => void): void
  /** Without `tx`: as committed. Secrets, addresses, bodies and answers are kept encrypted. */
  secret(keyId: string, tx?: Tx): Promise<KeptSecret | undefined>
  /** Keeps a secret unless there is one. */
  insertSecret(tx: Tx, keyId: string, secret: KeptSecret): Promise<void>
  replaceSecret(tx: Tx, keyId: string, secret: KeptSecret): Promise<void>
  insert(tx: Tx, deliveries: readonly NewDelivery[]): Promise<void>
  /** How many deliveries of a key have not ended; counted up to `max`. */
  countWaiting(tx: Tx, keyId: string, max: number): Promise<number>
  find(deliveryId: string, tx?: Tx): Promise<WebhookDelivery | undefined>
  /** Newest first, from after the given position; without `keyId`: of every key. */
  newest(
    limit: number,
    options: { keyId?: string | undefined; status?: WebhookStatus | undefined; before?: DeliveryPosition | undefined },
  ): Promise<WebhookDelivery[]>
  /** Those that are due, the earliest first: attempts, and leases that are over. */
  due(now: number, limit: number, except: Lanes): Promise<DueDelivery[]>
  /** When the next is due (ms). */
  nextDue(except: Lanes): Promise<number | undefined>
  /** Ends the leases of an earlier process, where no other process can have any. */
  reclaim(now: number): Promise<void>
  /** Takes those of them that are still due, until `until`. An attempt whose lease ran out is taken again, uncounted. */
  claim(
    tx: Tx,
    deliveryIds: readonly string[],
    lease: { now: number; until: number; leaseToken: string },
  ): Promise<ClaimedDelivery[]>
  /** False if the lease was lost: nothing is written then. */
  settle(
    tx: Tx,
    delivery: Pick<ClaimedDelivery, 'deliveryId' | 'leaseToken'>,
    settlement: Settlement,
    now: number,
  ): Promise<boolean>
  /** Ends what waits for the same key and address. */
  failWaiting(tx: Tx, of: Pick<ClaimedDelivery, 'keyId' | 'target'>, error: WebhookError, now: number): Promise<void>
  /** Makes a delivery due at once; its attempts begin anew if it had ended. False while it is under way. */
  restart(tx: Tx, deliveryId: string, now: number): Promise<boolean>
  /** Removes what ended at or before `endedBefore`, and all but the newest `keepMax` of those that have ended. */
  trim(endedBefore: number, keepMax: number): Promise<void>
}
