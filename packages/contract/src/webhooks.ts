import Type, { type Static } from 'typebox'
import { operation } from './operation.ts'
import { Cursor, Id, nullable, PageLimit, Timestamp } from './shapes.ts'

/** Where Nexus is to send something. What it may be beyond its form depends on the installation. */
export const WebhookUrl = Type.String({
  minLength: 1,
  maxLength: 2048,
  description: 'An `https` address on port 443, without credentials, that leads to a public host',
})

/** What a key's webhooks are signed with (https://www.standardwebhooks.com). */
export const WebhookSecret = Type.Object({
  secret: Type.String({ description: 'As in `whsec_…`: what receivers verify signatures with' }),
  created_at: Timestamp,
  previous_valid_until: nullable(Timestamp, 'Until when the secret before this one signs too; null: there is none'),
})
export type WebhookSecret = Static<typeof WebhookSecret>

/** `pending` <-> `delivering` -> `delivered` | `failed`; a redelivery makes it `pending` again. */
export const webhookStatuses = ['pending', 'delivering', 'delivered', 'failed'] as const
export type WebhookStatus = (typeof webhookStatuses)[number]

/** Why an attempt failed. Never reused. */
export const webhookErrors = [
  'http_error',
  'redirect',
  'gone',
  'timeout',
  'no_public_address',
  'address_refused',
  'connect_failed',
  'tls_failed',
  'connection_lost',
  'malformed_answer',
  'too_many_waiting',
  'payload_too_large',
] as const
export type WebhookError = (typeof webhookErrors)[number]

/** A message on its way to one address. */
export const WebhookDelivery = Type.Object({
  delivery_id: Id,
  key_id: Type.String({ description: 'Whose it is, and with whose secret it is signed' }),
  event_id: Type.String({ description: 'Sent as `webhook-id`, the same at each attempt' }),
  type: Type.String(),
  url: Type.String(),
  status: Type.Enum([...webhookStatuses]),
  attempts: Type.Integer({ description: 'How often it was tried, since it was made or last sent again' }),
  attempts_max: Type.Integer(),
  created_at: Timestamp,
  last_attempt_at: nullable(Timestamp),
  next_attempt_at: nullable(Timestamp, 'null: none is due'),
  ended_at: nullable(Timestamp),
  status_code: nullable(Type.Integer(), 'What the receiver answered last'),
  error: nullable(Type.Enum([...webhookErrors]), 'Why the last attempt failed; for `http_error` see `status_code`'),
  response: nullable(Type.String(), 'How the answer of the receiver began'),
})
export type WebhookDelivery = Static<typeof WebhookDelivery>

const shared = { scope: null, rate: 'other' } as const
const DeliveryId = { delivery_id: Id }

export const webhooksSecretGet = operation({
  ...shared,
  id: 'webhooks.secret.get',
  summary: 'Get the secret that signs webhooks of your key',
  description: 'Made when it is first needed.',
  effect: 'write',
  http: 'GET /v1/webhooks/secret',
  input: Type.Object({}, { additionalProperties: false }),
  output: WebhookSecret,
})

export const webhooksSecretRotate = operation({
  ...shared,
  id: 'webhooks.secret.rotate',
  summary: 'Make a new secret for webhooks of your key; for 24 hours the old one signs too',
  description: 'An older one, from a rotation before, ends now.',
  effect: 'write',
  http: 'POST /v1/webhooks/secret/rotate',
  idempotent: true,
  input: Type.Object({}, { additionalProperties: false }),
  output: WebhookSecret,
  errors: ['CONFLICT'],
})

export const webhooksTest = operation({
  ...shared,
  id: 'webhooks.test',
  summary: 'Send a message of the type webhook.test, once',
  description: 'To try a receiver. It is signed and sent as every other message, but not repeated.',
  effect: 'write',
  http: 'POST /v1/webhooks/test',
  status: 202,
  idempotent: true,
  input: Type.Object({ url: WebhookUrl }, { additionalProperties: false }),
  output: WebhookDelivery,
  errors: ['VALIDATION_ERROR', 'CONFLICT'],
})

export const webhooksDeliveriesList = operation({
  ...shared,
  id: 'webhooks.deliveries.list',
  summary: 'List deliveries of your key, newest first',
  description: 'With the scope `admin`: of every key.',
  effect: 'read',
  http: 'GET /v1/webhooks/deliveries',
  input: Type.Object(
    {
      status: Type.Optional(Type.Enum([...webhookStatuses])),
      cursor: Type.Optional(Cursor),
      limit: Type.Optional(PageLimit),
    },
    { additionalProperties: false },
  ),
  output: Type.Object({ deliveries: Type.Array(WebhookDelivery), next_cursor: Type.Union([Cursor, Type.Null()]) }),
})

export const webhooksDeliveriesGet = operation({
  ...shared,
  id: 'webhooks.deliveries.get',
  summary: 'Get a delivery',
  effect: 'read',
  http: 'GET /v1/webhooks/deliveries/{delivery_id}',
  input: Type.Object(DeliveryId, { additionalProperties: false }),
  output: WebhookDelivery,
  errors: ['NOT_FOUND'],
})

export const webhooksDeliveriesRedeliver = operation({
  ...shared,
  id: 'webhooks.deliveries.redeliver',
  summary: 'Send a delivery again, at once',
  description: 'One that has ended begins anew, with all its attempts; one that waits is due now.',
  effect: 'write',
  http: 'POST /v1/webhooks/deliveries/{delivery_id}/redeliver',
  status: 202,
  input: Type.Object(DeliveryId, { additionalProperties: false }),
  output: WebhookDelivery,
  errors: ['NOT_FOUND', 'CONFLICT'],
})
