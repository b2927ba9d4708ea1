import type { EventType } from '@nexus/contract'
import type { FrameRing } from './frame-ring.ts'
import { PageTurns } from './page-turns.ts'
import type { EventPage, EventRange, EventStore, LoggedEvent } from './ports.ts'

/** What happened, from memory and from the state. */
export interface History {
  /** The first of (after, upTo] of these types, in order, as many as are good to have in hand at once. */
  read(range: EventRange): Promise<HistoryPage>
  /** The number up to which some events of these types are gone. */
  goneUpTo(types: readonly EventType[]): Promise<number>
  /** The number before the first event at this time or later; undefined: there is none. */
  before(at: number): Promise<number | undefined>
  /** The first events of a causal chain, in order, as many as have some 4 MiB at most. */
  ofTrace(
    traceId: string,
    types: readonly EventType[],
    limit: number,
  ): Promise<{ events: LoggedEvent[]; isWhole: boolean }>
}

export interface HistoryPage extends EventPage {
  /** As `History.goneUpTo` of the types that were asked for. */
  goneUpTo: number
}

const transientType = 'telemetry.frame'
/** Each of 256 KiB, or of one event. */
const pagesOfTraceMax = 16

export function createHistory(store: EventStore, ring: FrameRing): History {
  const trimmedUpTo = async (types: readonly EventType[]) =>
    types.some((type) => type !== transientType) ? store.trimmedUpTo() : 0
  const gone = (types: readonly EventType[], trimmed: number) =>
    types.includes(transientType) ? Math.max(trimmed, ring.droppedUpTo) : trimmed
  const turns = new PageTurns(store.readsAtOnce)
  const turnsOfFrames = new PageTurns(1)
  const read = async (range: EventRange): Promise<HistoryPage> => {
    const { after, upTo, types, limit } = range
    const durable = types.filter((type) => type !== transientType)
    const stored = durable.length === 0 ? { events: [], upTo } : await store.read({ ...range, types: durable })
    // Asked afterwards, so that what goes meanwhile is told.
    const trimmed = await trimmedUpTo(types)
    const passing = durable.length === types.length ? [] : ring.read(after, stored.upTo, limit)
    const events = merged(stored.events, passing).slice(0, limit)
    const readUpTo = events.length === limit ? events.at(-1)!.seq : stored.upTo
    return { events, upTo: readUpTo, goneUpTo: gone(types, trimmed) }
  }
  return {
    goneUpTo: async (types) => gone(types, await trimmedUpTo(types)),
    read(range) {
      const isStored = range.types.some((type) => type !== transientType)
      return (isStored ? turns : turnsOfFrames).take(() => read(range))
    },
    async before(at) {
      const found = [await store.firstSince(at), ring.firstSince(at)].filter((seq) => seq !== undefined)
      return found.length === 0 ? undefined : Math.min(...found) - 1
    },
    async ofTrace(traceId, types, limit) {
      const durable = types.filter((type) => type !== transientType)
      const stored: LoggedEvent[] = []
      let readUpTo = durable.length === 0 ? Number.MAX_SAFE_INTEGER : 0
      for (
        let pages = 0;
        readUpTo < Number.MAX_SAFE_INTEGER && pages < pagesOfTraceMax && stored.length <= limit;
        pages++
      ) {
        const range = { after: readUpTo, upTo: Number.MAX_SAFE_INTEGER, types: durable, limit: limit + 1, traceId }
        const page = await turns.take(() => store.read(range))
        stored.push(...page.events)
        readUpTo = page.upTo
      }
      const passing = types.includes(transientType) ? ring.ofTrace(traceId, limit + 1) : []
      const events = merged(
        stored,
        passing.filter(({ seq }) => seq <= readUpTo),
      )
      const isWhole = readUpTo === Number.MAX_SAFE_INTEGER && events.length <= limit
      return { events: events.slice(0, limit), isWhole }
    },
  }
}

function merged(stored: LoggedEvent[], passing: LoggedEvent[]): LoggedEvent[] {
  if (stored.length === 0) return passing
  if (passing.length === 0) return stored
  return [...stored, ...passing].sort((a, b) => a.seq - b.seq)
}
