import { type EventType, eventScopes } from '@nexus/contract'
import type { Principal } from '../core/context.ts'
import { fail, invalid } from '../core/failure.ts'
import type { EventLog } from './event-log.ts'
import type { History } from './history.ts'
import { readCursor, readFilters, type Wanted } from './shown.ts'
import { readTopics } from './topics.ts'

/** What a subscriber asks for, as in the query of a stream. */
export interface StreamInput {
  event_types?: string
  /** The filter, or its JSON text. */
  filters?: string | object
  /** The id of the last event that was seen, or `earliest`. */
  last_event_id?: string
  /** Instead of an id: ISO 8601. */
  since?: string
}

export interface StreamStart extends Wanted {
  types: EventType[]
  /** The number of the last event that was seen; undefined: from now on. */
  after: number | undefined
}

export async function readStreamStart(
  history: History,
  log: EventLog,
  principal: Principal,
  input: StreamInput,
): Promise<StreamStart> {
  const types = readTopics(input.event_types, principal, 'event_types')
  if (types.length === 0) throw seesNothing()
  const wanted = { types, ...readFilters(input.filters, 'filters') }
  if (input.last_event_id !== undefined) return { ...wanted, after: readCursor(input.last_event_id, 'last_event_id') }
  if (input.since === undefined) return { ...wanted, after: undefined }
  const since = Date.parse(input.since)
  if (Number.isNaN(since)) throw invalid('since', 'is no instant: expected a date, a time and an offset')
  return { ...wanted, after: (await history.before(since)) ?? log.released }
}

/** A stream of nothing would stay open for ever and tell nobody why. */
function seesNothing() {
  const scopes = [...new Set(Object.values(eventScopes))].join(', ')
  return fail('FORBIDDEN', {
    field: 'event_types',
    issue: `leaves no type of event that the key may see: it needs the scope of one, of ${scopes}`,
  })
}
