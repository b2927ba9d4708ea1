import { deepEqual, equal, match, throws } from 'node:assert/strict'
import { test } from 'node:test'
import { Webhook } from 'standardwebhooks'
import { newWebhookSecret, signatureHeaders } from './signature.ts'

const message = { id: 'evt-1', body: '{"type":"command.completed","data":{"text":"Grüße 🚀"}}', now: Date.now() }
const verifies = (secret: string, headers: Record<string, string>, body = message.body) =>
  new Webhook(secret).verify(body, headers)

test('the library of Standard Webhooks verifies what is signed, and nothing else', () => {
  const secret = newWebhookSecret()
  match(secret, /^whsec_[A-Za-z0-9+/]{43}=$/)
  const headers = signatureHeaders({ secret, createdAt: 0, previous: null }, message)
  deepEqual(verifies(secret, headers), JSON.parse(message.body))
  throws(() => verifies(secret, headers, `${message.body} `))
  throws(() => verifies(newWebhookSecret(), headers))
  throws(() => verifies(secret, { ...headers, 'webhook-id': 'evt-2' }))
})

test('it signs as the library does', () => {
  const secret = newWebhookSecret()
  const headers = signatureHeaders({ secret, createdAt: 0, previous: null }, message)
  equal(headers['webhook-signature'], new Webhook(secret).sign(message.id, new Date(message.now), message.body))
})

test('while a secret rotates both verify, and once its time is over the new one alone', () => {
  const [old, secret] = [newWebhookSecret(), newWebhookSecret()]
  const kept = { secret, createdAt: 0, previous: { secret: old, until: message.now + 1 } }
  const both = signatureHeaders(kept, message)
  equal(both['webhook-signature'].split(' ').length, 2)
  for (const each of [old, secret]) verifies(each, both)
  const one = signatureHeaders({ ...kept, previous: { secret: old, until: message.now } }, message)
  verifies(secret, one)
  throws(() => verifies(old, one))
})
