import { createClient } from '@nexus/sdk'
import type { Given, Tell } from '../page-server.ts'

/** As `follow-with-sdk`, over a WebSocket. */
export async function run(given: Given, tell: Tell): Promise<void> {
  const seen: unknown[] = []
  for await (const { type, payload } of createClient(given).subscribe('telemetry', { after: 'earliest' })) {
    const { n, last } = (type === 'stream.gap' ? { n: type } : payload.metrics) as Record<string, unknown>
    if (seen.push(n) === 1) await tell('first')
    if (last) return tell('all', seen)
  }
}
