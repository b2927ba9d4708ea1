import type { ApiKey } from '@nexus/contract'
import type { Tx } from '../core/context.ts'

/** How a secret is recognised: `tag` rules out nearly all wrong ones in microseconds, `hash` (bcrypt) decides. */
export interface SecretMark {
  hash: string
  tag: string
}

/** A key as it is kept. Only `shown` ever leaves the room. */
export interface KeyRecord {
  shown: ApiKey
  current: SecretMark
  /** The secret before the last rotation, until its grace ends (ms since the epoch). */
  previous: (SecretMark & { until: number }) | null
}

export interface KeyStore {
  write<T>(fn: (tx: Tx) => Promise<T>): Promise<T>
  /** Runs once the transaction is durable, before its caller hears of it. */
  afterCommit(tx: Tx, fn: () => void): void
  /** One transaction at a time changes keys, so that what it read still holds when it writes. */
  lock(tx: Tx): Promise<void>
  /** Without `tx`: as committed. */
  find(keyId: string, tx?: Tx): Promise<KeyRecord | undefined>
  /** Newest first, revoked ones too, from after the given position. */
  newest(limit: number, before?: { createdAt: number; keyId: string }): Promise<ApiKey[]>
  insert(tx: Tx, record: KeyRecord): Promise<void>
  /** Writes what may change; never the id, the bindings, `created_at` or `last_used_at`. */
  replace(tx: Tx, record: KeyRecord): Promise<void>
  /** How many keys with the scope admin always work: not revoked, without an expiry, for any address. */
  lastingAdminKeys(tx?: Tx): Promise<number>
  /** Sets `last_used_at` (ms), and never turns it back. */
  noteUses(tx: Tx, uses: readonly (readonly [keyId: string, at: number])[]): Promise<void>
}

/** Whom a ticket stands for. */
export interface TicketRecord {
  keyId: string
  /** Of the secret with which it was made. */
  secretTag: string
}

export interface TicketStore {
  write<T>(fn: (tx: Tx) => Promise<T>): Promise<T>
  insert(tx: Tx, ticket: TicketRecord & { digest: string; expiresAt: number }): Promise<void>
  /** Whether there is such a ticket, expired or not. */
  has(digest: string): Promise<boolean>
  /** Takes a ticket that has not expired, once and for all; undefined: there is none. */
  take(tx: Tx, digest: string, now: number): Promise<TicketRecord | undefined>
  /** Removes what has expired. */
  sweep(now: number): Promise<void>
}

/** One use of an idempotency key: the same value under another operation or API key is another call. */
export interface StoredCall {
  keyId: string
  operation: string
  value: string
}

export interface IdempotencyStore {
  /** Without `tx`: as committed. Expired ones may still be there. */
  find(call: StoredCall, tx?: Tx): Promise<{ bodyHash: string; expiresAt: number; output(): unknown } | undefined>
  /** False if an answer that hasn't expired is there already. Answers are kept encrypted. */
  insert(
    tx: Tx,
    call: StoredCall,
    answer: { bodyHash: string; output: unknown; now: number; expiresAt: number },
  ): Promise<boolean>
  /** Removes what has expired. */
  sweep(now: number): Promise<void>
}

/** What one node has spent in a window of several nodes. */
export interface WindowPart {
  window: string
  /** Unlike any other part of this node. */
  part: string
  /** In all, so that to tell it twice changes nothing. */
  spent: number
  /** Above 0. */
  endsInMs: number
  /** Whether the window was heard of before. */
  heard: boolean
}

/** Where several nodes count together. */
export interface SharedCounts {
  /**
   * Takes the parts down, and tells what each window has come to over all nodes and when it ends. A window that isn't there
   * begins, and ends as the part says; but one that was heard of and is in its last second is over: 0 of 0 ms. Who
   * exchanges counts as a node for a while. Rejects, in bounded time, when the counts can't be reached.
   */
  exchange(
    parts: readonly WindowPart[],
  ): Promise<{ nodes: number; windows: readonly { spent: number; endsInMs: number }[] }>
  /** Leaves the nodes. */
  close(): Promise<void>
}

/** Where a room's loops tell of what went wrong; a pino logger fits. */
export interface Log {
  error(fields: object, message: string): void
}
