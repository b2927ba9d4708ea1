import type { Selectable } from 'kysely'
import { memoize } from '../../core/memoize.ts'
import { dueAt, isReady, priorities, type RetryPolicy, type WorkItem } from '../../work/index.ts'
import type { WorkTable } from './tables.ts'

export type WorkRow = Selectable<WorkTable>

export function toRow(item: WorkItem, now: number): WorkRow {
  return {
    id: item.id,
    kind: item.kind,
    queue: item.queue,
    priority: priorities.indexOf(item.priority),
    fair_key: item.fairKey,
    ordering_key: item.orderingKey,
    retry_json: retryText(item.retry),
    lease_ms: item.leaseMs,
    attempt_ms: item.attemptMs,
    start_by: item.startBy,
    created_at: item.createdAt,
    trace_id: item.traceId,
    cause_id: item.causeId,
    seq: item.seq,
    version: item.version,
    state: item.state,
    ready: isReady(item, now) ? 1 : 0,
    turn: item.turn,
    attempt: item.attempt,
    not_before: item.notBefore,
    waiting_for_json: item.waitingFor && JSON.stringify(item.waitingFor),
    blocked: item.blocked ? 1 : 0,
    worker: item.worker,
    lease_token: item.leaseToken,
    lease_expires_at: item.leaseExpiresAt,
    deadline: item.deadline,
    started_at: item.startedAt,
    cancel_requested_at: item.cancelRequestedAt,
    cancel_by: item.cancelBy,
    ended_at: item.endedAt,
    status_reason: item.statusReason,
    due_at: dueAt(item),
  }
}

export function toItem(row: WorkRow): WorkItem {
  return {
    id: row.id,
    kind: row.kind as WorkItem['kind'],
    queue: row.queue,
    priority: priorities[row.priority]!,
    fairKey: row.fair_key,
    orderingKey: row.ordering_key,
    retry: retryOf(row.retry_json),
    leaseMs: row.lease_ms,
    attemptMs: row.attempt_ms,
    startBy: row.start_by,
    createdAt: row.created_at,
    traceId: row.trace_id,
    causeId: row.cause_id,
    seq: row.seq,
    version: row.version,
    state: row.state as WorkItem['state'],
    turn: row.turn,
    attempt: row.attempt,
    notBefore: row.not_before,
    waitingFor: row.waiting_for_json === null ? null : JSON.parse(row.waiting_for_json),
    blocked: row.blocked === 1,
    worker: row.worker,
    leaseToken: row.lease_token,
    leaseExpiresAt: row.lease_expires_at,
    deadline: row.deadline,
    startedAt: row.started_at,
    cancelRequestedAt: row.cancel_requested_at,
    cancelBy: row.cancel_by,
    endedAt: row.ended_at,
    statusReason: row.status_reason,
  }
}

const policiesMax = 1000
const texts = new WeakMap<RetryPolicy, string>()

/** Policies are few, and each is read and written with every change of an item. */
const retryOf = memoize(policiesMax, (text): RetryPolicy => {
  const policy: RetryPolicy = Object.freeze(JSON.parse(text))
  texts.set(policy, text)
  return policy
})

function retryText(policy: RetryPolicy): string {
  return texts.get(policy) ?? JSON.stringify(policy)
}
