import Type, { type Static, type TOptional, type TSchema } from 'typebox'
import { operation } from './operation.ts'
import { type RateBucket, rateBuckets } from './rates.ts'
import { Scope, scopes } from './scopes.ts'
import { Cursor, Id, PageLimit, Timestamp } from './shapes.ts'

const Name = Type.String({ minLength: 1, maxLength: 128 })
const Cidr = Type.String({ minLength: 2, maxLength: 49, description: 'An address or a CIDR block, IPv4 or IPv6' })
const RateLimit = Type.Integer({ minimum: 1, maximum: 100_000_000 })
const byBucket = <T extends TSchema>(limit: T, description: string) =>
  Type.Object(
    Object.fromEntries(rateBuckets.map((bucket) => [bucket, Type.Optional(limit)])) as Record<RateBucket, TOptional<T>>,
    { additionalProperties: false, description },
  )

const settings = {
  name: Name,
  scopes: Type.Array(Scope, { minItems: 1, maxItems: scopes.length }),
  expires_at: Type.Union([Timestamp, Type.Null()], { description: 'null: never' }),
  device_id: Type.Union([Id, Type.Null()], {
    description: 'The only device that the key may speak as and send commands to; what it reads goes by its scopes',
  }),
  agent_id: Type.Union([Id, Type.Null()], { description: 'The only agent that the key may speak as' }),
  allowed_cidrs: Type.Array(Cidr, { maxItems: 64, description: 'Addresses that may use the key; empty: any' }),
  rate_limits: byBucket(RateLimit, 'Requests a minute by bucket; what is left out keeps the default'),
}

/** What a ticket is. */
export const ticketPattern = '^nxs_ticket_[\\w-]{32}$'

export const Ticket = Type.String({
  pattern: ticketPattern,
  description: 'A single-use ticket; see `POST /v1/auth/tickets`',
})

/** An API key as it shows after it was made: never its secret. */
export const ApiKey = Type.Object({
  key_id: Id,
  prefix: Type.String({ description: 'The first characters of the key' }),
  ...settings,
  created_at: Timestamp,
  last_used_at: Type.Union([Timestamp, Type.Null()], { description: 'Within a minute' }),
  revoked_at: Type.Union([Timestamp, Type.Null()]),
})
export type ApiKey = Static<typeof ApiKey>

export const ApiKeyCreate = Type.Object(
  {
    name: settings.name,
    scopes: settings.scopes,
    expires_at: Type.Optional(settings.expires_at),
    device_id: Type.Optional(settings.device_id),
    agent_id: Type.Optional(settings.agent_id),
    allowed_cidrs: Type.Optional(settings.allowed_cidrs),
    rate_limits: Type.Optional(settings.rate_limits),
  },
  { additionalProperties: false },
)
export type ApiKeyCreate = Static<typeof ApiKeyCreate>

/** The one answer that carries the secret. */
export const ApiKeyCreated = Type.Interface([ApiKey], {
  key: Type.String({ description: 'The key itself; shown only here' }),
})
export type ApiKeyCreated = Static<typeof ApiKeyCreated>

const shared = { scope: 'admin', rate: 'other' } as const
const KeyId = { key_id: Id }

export const keysCreate = operation({
  ...shared,
  id: 'auth.keys.create',
  summary: 'Create an API key',
  effect: 'write',
  http: 'POST /v1/auth/keys',
  status: 201,
  idempotent: true,
  input: ApiKeyCreate,
  output: ApiKeyCreated,
  errors: ['VALIDATION_ERROR', 'CONFLICT'],
})

export const keysList = operation({
  ...shared,
  id: 'auth.keys.list',
  summary: 'List API keys, newest first',
  effect: 'read',
  http: 'GET /v1/auth/keys',
  input: Type.Object(
    { cursor: Type.Optional(Cursor), limit: Type.Optional(PageLimit) },
    { additionalProperties: false },
  ),
  output: Type.Object({ keys: Type.Array(ApiKey), next_cursor: Type.Union([Cursor, Type.Null()]) }),
})

export const keysGet = operation({
  ...shared,
  id: 'auth.keys.get',
  summary: 'Get an API key',
  effect: 'read',
  http: 'GET /v1/auth/keys/{key_id}',
  input: Type.Object(KeyId, { additionalProperties: false }),
  output: ApiKey,
  errors: ['NOT_FOUND'],
})

export const keysUpdate = operation({
  ...shared,
  id: 'auth.keys.update',
  summary: 'Change an API key (JSON merge patch)',
  effect: 'write',
  http: 'PATCH /v1/auth/keys/{key_id}',
  input: Type.Object(
    {
      ...KeyId,
      name: Type.Optional(settings.name),
      scopes: Type.Optional(settings.scopes),
      expires_at: Type.Optional(settings.expires_at),
      allowed_cidrs: Type.Optional(settings.allowed_cidrs),
      rate_limits: Type.Optional(
        byBucket(Type.Union([RateLimit, Type.Null()]), 'Requests a minute by bucket; null: the default again'),
      ),
    },
    { additionalProperties: false },
  ),
  output: ApiKey,
  errors: ['NOT_FOUND', 'CONFLICT', 'VALIDATION_ERROR'],
})

export const keysRevoke = operation({
  ...shared,
  id: 'auth.keys.revoke',
  summary: 'Revoke an API key at once',
  effect: 'write',
  http: 'DELETE /v1/auth/keys/{key_id}',
  status: 204,
  input: Type.Object(KeyId, { additionalProperties: false }),
  output: Type.Null(),
  errors: ['NOT_FOUND', 'CONFLICT'],
})

export const keysRotate = operation({
  ...shared,
  id: 'auth.keys.rotate',
  summary: 'Give an API key a new secret; the old one works until the grace period ends',
  effect: 'write',
  http: 'POST /v1/auth/keys/{key_id}/rotate',
  status: 201,
  idempotent: true,
  input: Type.Object(
    {
      ...KeyId,
      grace: Type.Optional(
        Type.String({
          pattern: '^(0|[1-9]\\d{0,4})(s|m|h|d)$',
          default: '24h',
          description: 'A number and one of s, m, h, d, as in `24h`; at most `30d`',
        }),
      ),
    },
    { additionalProperties: false },
  ),
  output: ApiKeyCreated,
  errors: ['NOT_FOUND', 'CONFLICT', 'VALIDATION_ERROR'],
})

export const ticketsCreate = operation({
  id: 'auth.tickets.create',
  summary: 'Make a ticket that opens one stream or WebSocket in place of the key',
  description:
    'For browsers, whose streams can send no headers: the address then holds no key. A ticket works once, as `?ticket=`, within 30 seconds; what it opens permits what the key does, for as long as the key does.',
  effect: 'write',
  scope: null,
  rate: 'other',
  http: 'POST /v1/auth/tickets',
  status: 201,
  input: Type.Object({}, { additionalProperties: false }),
  output: Type.Object({ ticket: Ticket, expires_at: Timestamp }),
})
