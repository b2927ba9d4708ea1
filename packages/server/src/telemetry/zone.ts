import { invalid } from '../core/failure.ts'
import { type ZoneOffset, zoneOffset } from '../core/zone-offset.ts'
import type { Micros } from './instant.ts'

/** An IANA time zone, seen through `Intl`. */
export interface Zone {
  name: string
  /** What every start of a day since 1970 is a multiple of: an hour, a minute, or nothing that roll-ups know (1). */
  grain: Micros
  dateOf(at: Micros): { year: number; month: number; day: number }
  /** The first instant of a day; parts out of range carry over, as with `Date.UTC`. */
  startOfDay(year: number, month: number, day: number): Micros
}

const zones = new Map<string, Zone>()
const zonesMax = 1000

/** Finds a zone by its IANA name; throws INVALID_REQUEST for a name that is none. */
export function createZone(name: string): Zone {
  const known = zones.get(name)
  if (known) return known
  const zone = name === 'UTC' ? utc : intlZone(name)
  if (zones.size >= zonesMax) zones.clear()
  zones.set(name, zone)
  return zone
}

const hour = 3_600_000
const minute = 60_000

const utc: Zone = {
  name: 'UTC',
  grain: hour * 1000,
  dateOf(at) {
    const date = new Date(at / 1000)
    return { year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate() }
  },
  startOfDay: (year, month, day) => Date.UTC(year, month - 1, day) * 1000,
}

function intlZone(name: string): Zone {
  const offsetAt = zoneOffset(name)
  if (!offsetAt) throw invalid('tz', 'expected an IANA time zone, as in Europe/Berlin')
  const wallOf = (ms: number) => Math.floor(ms / 1000) * 1000 + offsetAt(ms)

  return {
    name,
    grain: grainOf(offsetAt) * 1000,
    dateOf(at) {
      const wall = new Date(wallOf(Math.floor(at / 1000)))
      return { year: wall.getUTCFullYear(), month: wall.getUTCMonth() + 1, day: wall.getUTCDate() }
    },
    startOfDay(year, month, day) {
      return firstInstantOf(Date.UTC(year, month - 1, day), wallOf, offsetAt) * 1000
    },
  }
}

/**
 * The first instant whose wall time is at or after `wall`: also on days whose midnight falls into a gap, or comes twice
 * (then the earlier). Offsets before and after the day bracket the answer.
 */
function firstInstantOf(wall: number, wallOf: (ms: number) => number, offsetAt: ZoneOffset): number {
  const candidates = [wall - offsetAt(wall - 26 * hour), wall - offsetAt(wall + 26 * hour)].sort((a, b) => a - b)
  const exact = candidates.find((ms) => wallOf(ms) === wall)
  if (exact !== undefined) return exact
  let [before, after] = [candidates[0]! - 2 * hour, candidates[1]! + 2 * hour]
  while (after - before > 1000) {
    const middle = Math.floor((before + after) / 2000) * 1000
    if (wallOf(middle) >= wall) after = middle
    else before = middle
  }
  return after
}

/** Liberia was 44 minutes and 30 seconds off until 1972; India is half an hour off; most zones are whole hours. */
function grainOf(offsetAt: ZoneOffset): number {
  let grain = hour
  for (let ms = 0; ms < Date.UTC(2040, 0); ms += 16 * 24 * hour) {
    const offset = offsetAt(ms)
    if (offset % minute !== 0) return 0.001
    if (offset % hour !== 0) grain = minute
  }
  return grain
}
