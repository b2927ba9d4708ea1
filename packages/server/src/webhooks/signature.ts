import { createHmac, randomBytes } from 'node:crypto'
import type { KeptSecret } from './ports.ts'

const prefix = 'whsec_'
const secretBytes = 32

/** A new secret in the form of Standard Webhooks: `whsec_` and base64. */
export function newWebhookSecret(): string {
  return prefix + randomBytes(secretBytes).toString('base64')
}

/**
 * The headers that sign a message (https://github.com/standard-webhooks/standard-webhooks): HMAC-SHA256 over id, whole
 * seconds and body, once for each secret that is valid now.
 */
export function signatureHeaders(
  { secret, previous }: KeptSecret,
  { id, body, now }: { id: string; body: string; now: number },
): Record<'webhook-id' | 'webhook-timestamp' | 'webhook-signature', string> {
  const timestamp = String(Math.floor(now / 1000))
  const secrets = previous !== null && now < previous.until ? [secret, previous.secret] : [secret]
  const sign = (each: string) => {
    const key = Buffer.from(each.slice(prefix.length), 'base64')
    return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`
  }
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': secrets.map(sign).join(' ') }
}
