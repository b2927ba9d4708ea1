import { createClient } from '@nexus/sdk'
import type { Given, Tell } from '../page-server.ts'

/** Tells when the first event is there, and, once the one that says `last` is, every `n` in the order in which it came. */
export async function run(given: Given, tell: Tell): Promise<void> {
  const seen: unknown[] = []
  for await (const event of createClient(given).events.stream({
    event_types: 'telemetry.frame',
    last_event_id: 'earliest',
  })) {
    const { n, last = false } = event.type === 'telemetry.frame' ? event.data.metrics : { n: event.type }
    if (seen.push(n) === 1) await tell('first')
    if (last) return tell('all', seen)
  }
}
