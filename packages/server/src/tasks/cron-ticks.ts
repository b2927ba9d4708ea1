import type { CronPattern } from './cron.ts'
import { type Ticks, tickMax, tickMin, withinRange } from './ticks.ts'
import type { Span, ZoneClock } from './zone-clock.ts'

/** What becomes of times that a zone's clocks leave out, and of those that they show twice. */
export interface DstRule {
  gap: 'shift' | 'skip'
  repeat: 'first' | 'both'
}

/** More than any zone has been off from UTC since 1970. */
const offsetMax = 16 * 3_600_000
/** A search ends after so many spans without a tick: those of a pattern whose every time falls into a gap that is skipped. */
const spansMax = 500

/**
 * The instants at which a pattern matches what the clocks of a zone show. Within a span both run alike. Where the clocks go
 * forward, all that matches in the gap is one tick at its end (`shift`), or none (`skip`). Where they go back, what they show
 * for the second time matches again (`both`), or not (`first`).
 */
export function cronTicks(pattern: CronPattern, zone: ZoneClock, dst: DstRule): Ticks {
  const isShifted = ({ from, offset, before }: Span): boolean => {
    if (dst.gap === 'skip' || offset <= before) return false
    const wall = pattern.atOrAfter(from + before)
    return wall !== undefined && wall < from + offset
  }
  /** The first time that a span's clocks show and that counts. */
  const firstWall = ({ from, offset, before }: Span) =>
    from + (dst.repeat === 'first' ? Math.max(offset, before) : offset)

  return {
    next(after) {
      let at = Math.max(Math.floor(after / 1000) * 1000 + 1000, tickMin)
      for (let spans = 0; at <= tickMax && spans < spansMax; spans++) {
        const span = zone.spanAt(at)
        if (at === span.from && isShifted(span)) return at
        const wall = pattern.atOrAfter(Math.max(at + span.offset, firstWall(span)))
        if (wall === undefined) return undefined
        if (wall - span.offset < span.until) return withinRange(wall - span.offset)
        const later = pattern.atOrAfter(span.until - offsetMax)
        at = Math.max(span.until, later! - offsetMax)
      }
      return undefined
    },
    atOrBefore(latest) {
      let at = Math.min(Math.floor(latest / 1000) * 1000, tickMax - 999)
      for (let spans = 0; at >= tickMin && spans < spansMax; spans++) {
        const span = zone.spanAt(at)
        const wall = pattern.atOrBefore(at + span.offset)
        if (wall === undefined) return undefined
        if (wall >= firstWall(span)) return withinRange(wall - span.offset)
        if (isShifted(span)) return span.from
        const earlier = pattern.atOrBefore(span.from - 1000 + offsetMax)
        at = Math.min(span.from - 1000, earlier! + offsetMax)
      }
      return undefined
    },
  }
}
