import type { WebhookDelivery, WebhookError, WebhookStatus } from '@nexus/contract'
import { type Selectable, sql } from 'kysely'
import { toIso, toIsoOrNull } from '../../core/clock.ts'
import type { ClaimedDelivery, KeptSecret, NewDelivery, Settlement } from '../../webhooks/index.ts'
import type { Sealer } from './sealer.ts'
import type { WebhookDeliveriesTable, WebhookSecretsTable } from './tables.ts'

/** Seals the columns of one table. */
export interface Sealing {
  seal(column: string, row: string, text: string): string
  unseal(column: string, row: string, sealed: string): string
}

export function sealingIn(table: 'webhook_secrets' | 'webhook_deliveries', sealer: Sealer): Sealing {
  return {
    seal: (column, row, text) => sealer.seal({ table, column, row }, text),
    unseal: (column, row, text) => sealer.unseal({ table, column, row }, text),
  }
}

export function secretColumns(keyId: string, { secret, createdAt, previous }: KeptSecret, { seal }: Sealing) {
  return {
    secret: seal('secret', keyId, secret),
    created_at: createdAt,
    previous_secret: previous && seal('previous_secret', keyId, previous.secret),
    previous_until: previous?.until ?? null,
  }
}

export function toWebhookSecret(row: Selectable<WebhookSecretsTable>, { unseal }: Sealing): KeptSecret {
  const { key_id, previous_secret: previous, previous_until: until } = row
  return {
    secret: unseal('secret', key_id, row.secret),
    createdAt: row.created_at,
    previous:
      previous === null || until === null ? null : { secret: unseal('previous_secret', key_id, previous), until },
  }
}

export function deliveryRow(delivery: NewDelivery, { seal }: Sealing): Selectable<WebhookDeliveriesTable> {
  const { deliveryId, createdAt, body, error } = delivery
  return {
    delivery_id: deliveryId,
    key_id: delivery.keyId,
    event_id: delivery.eventId,
    type: delivery.type,
    url: seal('url', deliveryId, delivery.url),
    host: delivery.host,
    target: delivery.target,
    body: body === null ? null : seal('body', deliveryId, body),
    trace_id: delivery.traceId,
    attempts_max: delivery.attemptsMax,
    created_at: createdAt,
    status: error === null ? 'pending' : 'failed',
    attempts: 0,
    due_at: error === null ? createdAt : null,
    lease_token: null,
    last_attempt_at: null,
    ended_at: error === null ? null : createdAt,
    status_code: null,
    error,
    response: null,
  }
}

export function settledColumns(deliveryId: string, settlement: Settlement, { seal }: Sealing, now: number) {
  if (settlement.status === 'released')
    return { status: 'pending', due_at: now, attempts: sql<number>`attempts - 1` } as const
  const { status, error, statusCode, response } = settlement
  return {
    status,
    error,
    status_code: statusCode,
    response: response === null ? null : seal('response', deliveryId, response),
    due_at: status === 'pending' ? settlement.dueAt : null,
    ended_at: status === 'pending' ? null : now,
  }
}

export function toClaimedDelivery(row: Selectable<WebhookDeliveriesTable>, { unseal }: Sealing): ClaimedDelivery {
  return {
    deliveryId: row.delivery_id,
    keyId: row.key_id,
    eventId: row.event_id,
    type: row.type,
    url: unseal('url', row.delivery_id, row.url),
    host: row.host,
    target: row.target,
    body: unseal('body', row.delivery_id, row.body!),
    traceId: row.trace_id,
    attempts: row.attempts,
    attemptsMax: row.attempts_max,
    createdAt: row.created_at,
    leaseToken: row.lease_token!,
  }
}

export function toWebhookDelivery(row: Selectable<WebhookDeliveriesTable>, { unseal }: Sealing): WebhookDelivery {
  const { delivery_id } = row
  return {
    delivery_id,
    key_id: row.key_id,
    event_id: row.event_id,
    type: row.type,
    url: unseal('url', delivery_id, row.url),
    status: row.status as WebhookStatus,
    attempts: row.attempts,
    attempts_max: row.attempts_max,
    created_at: toIso(row.created_at),
    last_attempt_at: toIsoOrNull(row.last_attempt_at),
    next_attempt_at: row.status === 'pending' ? toIsoOrNull(row.due_at) : null,
    ended_at: toIsoOrNull(row.ended_at),
    status_code: row.status_code,
    error: row.error as WebhookError | null,
    response: row.response === null ? null : unseal('response', delivery_id, row.response),
  }
}
