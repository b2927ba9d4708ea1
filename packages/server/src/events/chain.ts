import { eventTypes } from '@nexus/contract'
import type { Tx } from '../core/context.ts'
import type { EventStore, LoggedEvent } from './ports.ts'

/** An event and what led to it, the newest first: at most `max`, as far as they are kept. */
export async function chainOf(store: EventStore, eventId: string, max: number, tx?: Tx): Promise<LoggedEvent[]> {
  const chain: LoggedEvent[] = []
  for (let id: string | null = eventId; id !== null && chain.length < max; ) {
    const seq: number = Number(id.slice('evt-'.length))
    const [event] = (await store.read({ after: seq - 1, upTo: seq, types: eventTypes, limit: 1 }, tx)).events
    if (!event) break
    chain.push(event)
    id = event.causeId
  }
  return chain
}
