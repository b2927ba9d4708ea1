import { setImmediate as endOfTurn } from 'node:timers/promises'
import type { Input, Output } from '@nexus/contract'
import type { Ctx } from '../core/context.ts'
import { type EventLog, idOf } from './event-log.ts'
import type { History } from './history.ts'
import { readCursor, readFilters, shown } from './shown.ts'
import { readTopics } from './topics.ts'

export interface ListDeps {
  log: EventLog
  history: History
}

const pageSize = 1000
/** How many events one call looks at: a filter that hardly anything passes must not keep it going. */
const scannedMax = 10_000

/** Reads history after a cursor. The next cursor tells how far it looked, found or not; null: there is no more for now. */
export async function listEvents(
  { log, history }: ListDeps,
  ctx: Ctx,
  input: Input<'events.list'>,
): Promise<Output<'events.list'>> {
  const types = readTopics(input.types, ctx.principal, 'types')
  const { matches } = readFilters(input.filters, 'filters')
  const limit = input.limit ?? 100
  const upTo = log.released
  const events: Output<'events.list'>['events'] = []
  let from = readCursor(input.after ?? 'earliest', 'after')
  const size = input.filters === undefined ? limit : pageSize
  for (let scanned = 0; types.length > 0 && scanned < scannedMax; scanned += size) {
    const page = (await history.read({ after: from, upTo, types, limit: size })).events
    // Frames come from memory at once: others have their turn between the pages.
    await endOfTurn()
    for (const event of page) {
      from = event.seq
      if (!matches(event.data)) continue
      events.push(shown(event))
      if (events.length === limit) return { events, next_cursor: idOf(from) }
    }
    if (page.length < size) return { events, next_cursor: null }
  }
  return { events, next_cursor: types.length > 0 ? idOf(from) : null }
}
