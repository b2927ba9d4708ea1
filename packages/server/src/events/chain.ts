import type { Tx } from '../core/context.ts'
import type { EventStore, LoggedEvent } from './ports.ts'

/** An event and what led to it, the newest first: at most `max`, as far as they are kept. */
export async function chainOf(store: EventStore, eventId: string, max: number, tx?: Tx): Promise<LoggedEvent[]> {
  const chain: LoggedEvent[] = []
  for (let id: string | null = eventId; id !== null && chain.length < max; ) {
    const event: LoggedEvent | undefined = await store.find(Number(id.slice('evt-'.length)), tx)
    if (!event) break
    chain.push(event)
    id = event.causeId
  }
  return chain
}
