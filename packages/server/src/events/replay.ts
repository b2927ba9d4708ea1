import type { EventType } from '@nexus/contract'
import type { History } from './history.ts'
import type { LoggedEvent } from './ports.ts'
import { earliest } from './shown.ts'

const pageSize = 500

/** Events in their order; what was lost before the next. */
export type PastItem =
  | { kind: 'events'; events: readonly LoggedEvent[] }
  | { kind: 'gap'; requested: number; firstAvailable: number }

/** The events of (after, upTo], page by page, and before them what is gone. */
export async function* replay(
  history: History,
  types: readonly EventType[],
  after: number,
  upTo: number,
): AsyncGenerator<PastItem> {
  // Before the earliest nothing is missing, and what was told once is told no more.
  let told = after === earliest ? undefined : after
  for (let from = after; from < upTo; ) {
    const { events, goneUpTo, ...page } = await history.read({ after: from, upTo, types, limit: pageSize })
    if (told !== undefined && Math.max(told, from) < goneUpTo)
      yield { kind: 'gap', requested: from, firstAvailable: events[0]?.seq ?? goneUpTo + 1 }
    told = Math.max(told ?? 0, goneUpTo)
    yield { kind: 'events', events }
    from = page.upTo
  }
}
