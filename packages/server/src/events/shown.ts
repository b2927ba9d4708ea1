import type { Event } from '@nexus/contract'
import { toIso } from '../core/clock.ts'
import { invalid } from '../core/failure.ts'
import { compileFilter, type Matches, textsRequired } from '../core/filter.ts'
import { idOf } from './event-log.ts'
import type { LoggedEvent } from './ports.ts'

/** An event as the contract shows it. */
export function shown(event: LoggedEvent): Event {
  return {
    id: idOf(event.seq),
    type: event.type,
    time: toIso(event.at),
    subject: event.subject,
    data: event.data as Event['data'],
    trace_id: event.traceId,
    cause_id: event.causeId,
  }
}

/** Before everything that is still there, whatever is gone. */
export const earliest = -1

/** The number of an event id, or `earliest`. */
export function readCursor(id: string, field: string): number {
  if (id === 'earliest') return earliest
  const digits = /^evt-(\d{1,16})$/.exec(id)?.[1]
  const seq = Number(digits)
  if (digits === undefined || !Number.isSafeInteger(seq))
    throw invalid(field, 'is not the id of an event, nor earliest')
  return seq
}

export interface Wanted {
  matches: Matches
  /** What matches is of one of these devices; undefined: that is not said. */
  devices: readonly string[] | undefined
}

/** Reads a filter, or its JSON text; none matches everything. */
export function readFilters(given: string | object | undefined, field: string): Wanted {
  if (given === undefined) return { matches: () => true, devices: undefined }
  const filter = typeof given === 'string' ? parsed(given, field) : given
  return { matches: compileFilter(filter, field), devices: textsRequired(filter as object, 'device_id') }
}

function parsed(text: string, field: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw invalid(field, 'is not valid JSON')
  }
}
