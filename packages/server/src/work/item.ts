/** What leased work is for. */
export type WorkKind = 'command' | 'task' | 'ai'

export const priorities = ['low', 'normal', 'high', 'urgent'] as const
export type Priority = (typeof priorities)[number]

/**
 * The states of an item:
 *
 *     pending -> running -> completed | failed | timeout | cancelled
 *        ^          |
 *        +----------+ an attempt failed, was too slow, or its worker was lost, and another one is left
 *
 * A pending item can also end as timeout (nobody took it in time), as failed (the same, where its last attempt was lost) or
 * cancelled. What has ended never changes.
 */
export type WorkState = 'pending' | 'running' | EndState
export type EndState = 'completed' | 'failed' | 'timeout' | 'cancelled'

/** What may go wrong with an attempt. */
export type AttemptFault = 'error' | 'timeout' | 'worker_lost'

/** How attempts are repeated; times in milliseconds. */
export interface RetryPolicy {
  /** In all, the first included; 1: at most once. */
  attemptsMax: number
  /** What is worth another attempt. */
  on: readonly AttemptFault[]
  initialDelayMs: number
  multiplier: number
  maxDelayMs: number
  /** How much of the delay is random, from 0 to 1. */
  jitter: number
}

/** Leased work: who may do it, when, and how it stands. Instants are milliseconds since the epoch. */
export interface WorkItem {
  readonly id: string
  readonly kind: WorkKind
  /** Where its workers look for it: a device, a queue of workers, an agent. */
  readonly queue: string
  readonly priority: Priority
  /** Whose it is: inside of a priority those who wait take turns. */
  readonly fairKey: string
  /** Of items with the same key in a queue one runs at a time, in the order in which they came. */
  readonly orderingKey: string | null
  readonly retry: RetryPolicy
  /** How long a worker may be silent. */
  readonly leaseMs: number
  /** How long an attempt may take; null: any time. */
  readonly attemptMs: number | null
  readonly createdAt: number
  readonly traceId: string
  readonly causeId: string | null
  /** The order in which items came. */
  readonly seq: number
  /** Counts the changes. */
  readonly version: number

  state: WorkState
  /** Its place among those of other keys. */
  turn: number
  attempt: number
  /** Until when an attempt must have begun; null: any time. */
  startBy: number | null
  /** Not before this instant. */
  notBefore: number | null
  /** Why a pending item does not run yet, in words of the room; null: nothing but a worker is missing. */
  waitingFor: WaitingFor | null
  /** Whether another item of its ordering key is before it, or it is held and stands in no line. */
  blocked: boolean
  worker: string | null
  leaseToken: string | null
  leaseExpiresAt: number | null
  /** When the attempt that runs has to be over. */
  deadline: number | null
  startedAt: number | null
  cancelRequestedAt: number | null
  /** Until when a worker may confirm the cancel. */
  cancelBy: number | null
  endedAt: number | null
  /** How it ended, or why the last attempt failed; stable, snake_case. */
  statusReason: string | null
}

/** An item as it was read, and what was made of it. */
export interface Changed {
  before: WorkItem
  after: WorkItem
}

export type WaitingFor = { reason: string } & { readonly [more: string]: unknown }

export function hasEnded({ state }: Pick<WorkItem, 'state'>): boolean {
  return state !== 'pending' && state !== 'running'
}

/** Whether a worker may take it now. */
export function isReady({ state, notBefore, waitingFor, blocked }: WorkItem, now: number): boolean {
  return state === 'pending' && !blocked && waitingFor === null && (notBefore === null || notBefore <= now)
}

/** When the sweeper has to look at it next; null: never. */
export function dueAt(item: WorkItem): number | null {
  if (hasEnded(item)) return null
  const { state, notBefore, startBy, leaseExpiresAt, deadline, cancelBy } = item
  const instants = state === 'pending' ? [notBefore, startBy] : [leaseExpiresAt, deadline, cancelBy]
  const known = instants.filter((at) => at !== null)
  return known.length === 0 ? null : Math.min(...known)
}
