import { utcOffset, type ZoneOffset, zoneOffset } from '../core/zone-offset.ts'

/**
 * A stretch of time in which a zone's offset from UTC is one, [from, until). `before` is the offset just before `from`: the
 * clocks go forward there where `offset` is greater, and back where it is less. All in milliseconds.
 */
export interface Span {
  readonly from: number
  readonly until: number
  readonly offset: number
  readonly before: number
}

/** The clocks of an IANA time zone, as `Intl` knows them. */
export interface ZoneClock {
  /** The span that holds an instant since 1970. It need not begin or end with a change of the clocks. */
  spanAt(at: number): Span
}

const clocks = new Map<string, ZoneClock>()
const clocksMax = 1000
const spanDaysMax = 512
const dayMs = 86_400_000

/** Finds the clocks of a zone by its IANA name; undefined: there is no such zone. An offset such as `+02:00` is no name. */
export function zoneClock(name: string): ZoneClock | undefined {
  const known = clocks.get(name)
  if (known) return known
  const made = makeClock(name)
  if (made && clocks.size >= clocksMax) clocks.clear()
  if (made) clocks.set(name, made)
  return made
}

const utc: ZoneClock = { spanAt: () => always }
const always: Span = { from: Number.NEGATIVE_INFINITY, until: Number.POSITIVE_INFINITY, offset: 0, before: 0 }

function makeClock(name: string): ZoneClock | undefined {
  const offsetAt = /^[A-Za-z]/.test(name) ? zoneOffset(name) : undefined
  if (!offsetAt) return undefined
  return offsetAt === utcOffset ? utc : spansByDay(offsetAt)
}

/** Every change of the clocks since 1970 is alone on its day of UTC: in the tz database no two are nearer than six days. */
function spansByDay(offsetAt: ZoneOffset): ZoneClock {
  const days = new Map<number, Span[]>()
  const spansOf = (day: number): Span[] => {
    const [from, until] = [day * dayMs, (day + 1) * dayMs]
    const [before, first, last] = [offsetAt(from - 1000), offsetAt(from), offsetAt(until - 1000)]
    if (first === last) return [{ from, until, offset: first, before }]
    const change = changeWithin(from, until - 1000, offsetAt)
    return [
      { from, until: change, offset: first, before },
      { from: change, until, offset: last, before: first },
    ]
  }
  return {
    spanAt(at) {
      const day = Math.floor(at / dayMs)
      let spans = days.get(day)
      if (!spans) {
        spans = spansOf(day)
        if (days.size >= spanDaysMax) days.clear()
        days.set(day, spans)
      }
      return at < spans[0]!.until ? spans[0]! : spans[1]!
    },
  }
}

/** The first second of the offset that holds at `after`, and not yet at `before`. */
function changeWithin(before: number, after: number, offsetAt: ZoneOffset): number {
  const offset = offsetAt(before)
  let [low, high] = [before, after]
  while (high - low > 1000) {
    const middle = Math.floor((low + high) / 2000) * 1000
    if (offsetAt(middle) === offset) low = middle
    else high = middle
  }
  return high
}
