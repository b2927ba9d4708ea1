import { createClient } from '@nexus/sdk'
import type { Given, Tell } from '../page-server.ts'

/** As `follow-with-sdk`, over a WebSocket. */
export async function run(given: Given, tell: Tell): Promise<void> {
  const seen: unknown[] = []
  for await (const message of createClient(given).subscribe('telemetry', { after: 'earliest' })) {
    const { n, last = false } = message.type === 'telemetry.frame' ? message.payload.metrics : { n: message.type }
    if (seen.push(n) === 1) await tell('first')
    if (last) return tell('all', seen)
  }
}
