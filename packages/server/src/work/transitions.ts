import { workerLostReason } from '../core/reason-word.ts'
import { attemptDelayMs } from './attempt-delay.ts'
import { type AttemptFault, dueAt, type EndState, hasEnded, type WorkItem } from './item.ts'

/** How long a worker has to confirm a cancel. */
export const cancelConfirmMs = 10_000

/** Given to a worker: one attempt more, under a lease. */
export function taken(item: WorkItem, now: number, worker: string, leaseToken: string): WorkItem {
  return {
    ...item,
    version: item.version + 1,
    state: 'running',
    attempt: item.attempt + 1,
    notBefore: null,
    worker,
    leaseToken,
    startedAt: now,
    leaseExpiresAt: now + item.leaseMs,
    deadline: item.attemptMs === null ? null : now + item.attemptMs,
  }
}

/** The worker that it was given to never heard of it; `startedAt` as it was before. */
export function returned(item: WorkItem, startedAt: number | null, now: number): WorkItem {
  const unbegun = { ...item, attempt: item.attempt - 1, startedAt }
  if (item.cancelRequestedAt !== null) return cancelled(unbegun, now)
  return { ...withoutWorker(unbegun), state: 'pending' }
}

/** The same where that is not known any more: of an attempt that is not the first, the time of this one stays. */
export function unheard(item: WorkItem, now: number): WorkItem {
  return returned(item, item.attempt === 1 ? null : item.startedAt, now)
}

/** Its worker was heard of. */
export function renewed(item: WorkItem, now: number): WorkItem {
  return { ...item, leaseExpiresAt: now + item.leaseMs }
}

export function ended(item: WorkItem, now: number, state: EndState, statusReason: string | null): WorkItem {
  return {
    ...withoutWorker(item),
    state,
    endedAt: now,
    statusReason,
    notBefore: null,
    waitingFor: null,
    blocked: false,
  }
}

/** What a worker reports of an attempt that failed. */
export interface AttemptError {
  /** Stable, snake_case. */
  reason: string
  /** False: no other attempt would help. */
  retryable: boolean
  /** How long to wait at least. */
  retryAfterMs?: number
}

/** An attempt that came to nothing: another one follows, or that was the last. */
export function attemptFailed(
  item: WorkItem,
  now: number,
  fault: AttemptFault,
  { reason, retryable, retryAfterMs = 0 }: AttemptError,
  random: number,
): WorkItem {
  if (item.cancelRequestedAt !== null) return ended(item, now, 'cancelled', fault === 'error' ? reason : 'unconfirmed')
  const { retry, attempt } = item
  if (!retryable || attempt >= retry.attemptsMax || !retry.on.includes(fault))
    return ended(item, now, fault === 'timeout' ? 'timeout' : 'failed', reason)
  // Nothing is known against another attempt: it is taken over as soon as somebody is free.
  const delayMs = fault === 'worker_lost' ? 0 : attemptDelayMs(retry, attempt, random)
  const notBefore = now + Math.max(delayMs, retryAfterMs)
  return { ...withoutWorker(item), state: 'pending', notBefore, statusReason: reason }
}

/** Asks for an end: at once if nobody works on it, else the worker is given some time to confirm. */
export function cancelling(item: WorkItem, now: number): WorkItem {
  if (item.state === 'pending') return cancelled(item, now)
  if (item.cancelRequestedAt !== null) return item
  return { ...item, cancelRequestedAt: now, cancelBy: now + cancelConfirmMs }
}

/** What time alone does to an item that is due; the same item: nothing. `isUnbegun`: see `Unbegun`. */
export function swept(item: WorkItem, now: number, random: number, isUnbegun = false): WorkItem {
  const due = dueAt(item)
  if (hasEnded(item) || due === null || due > now) return item
  if (item.state === 'pending') {
    if (item.startBy !== null && item.startBy <= now) return notStarted(item, now)
    return { ...item, notBefore: null }
  }
  if (isUnbegun) return unheard(item, now)
  if (item.cancelBy !== null && item.cancelBy <= now) return ended(item, now, 'cancelled', 'unconfirmed')
  if (item.deadline !== null && item.deadline <= now)
    return attemptFailed(item, now, 'timeout', { reason: 'attempt_timeout', retryable: true }, random)
  return workerLost(item, now, random)
}

/** Its worker is gone: of work that may be done but once nobody knows what became of it. */
export function workerLost(item: WorkItem, now: number, random: number): WorkItem {
  const reason = item.retry.attemptsMax === 1 ? 'outcome_unknown' : workerLostReason
  return attemptFailed(item, now, 'worker_lost', { reason, retryable: true }, random)
}

/** Nobody has it. Whoever had it when it was lost can't be asked: he may be at it yet. */
function cancelled(item: WorkItem, now: number): WorkItem {
  return ended(item, now, 'cancelled', isLost(item) ? 'unconfirmed' : 'cancelled')
}

/** No attempt may begin any more. One that was lost may have come to its end: that is no work that nobody took. */
function notStarted(item: WorkItem, now: number): WorkItem {
  return isLost(item)
    ? ended(item, now, 'failed', workerLostReason)
    : ended(item, now, 'timeout', 'not_started_in_time')
}

/** Whether nobody knows what became of its last attempt. */
function isLost({ statusReason }: WorkItem): boolean {
  return statusReason === workerLostReason
}

/** Without a worker. */
function withoutWorker(item: WorkItem): WorkItem {
  return {
    ...item,
    worker: null,
    leaseToken: null,
    leaseExpiresAt: null,
    deadline: null,
    cancelBy: null,
  }
}
