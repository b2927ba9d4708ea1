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

const pageSize = 500
/**
 * How much one call looks at: a filter that hardly anything passes must not keep it going, nor may an answer be of any size.
 */
const pagesMax = 20

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
  if (types.length === 0) return { events, next_cursor: null }
  for (let pages = 0; pages < pagesMax && from < upTo; pages++) {
    const size = input.filters === undefined ? Math.min(pageSize, limit - events.length) : pageSize
    const page = await history.read({ after: from, upTo, types, limit: size })
    for (const event of page.events) {
      from = event.seq
      if (!matches(event.data)) continue
      events.push(shown(event))
      if (events.length === limit) return { events, next_cursor: idOf(from) }
    }
    from = page.upTo
  }
  return { events, next_cursor: from < upTo ? idOf(from) : null }
}
