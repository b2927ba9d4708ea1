import { invalid } from '../core/failure.ts'
import type { Micros } from './instant.ts'
import { createZone, type Zone } from './zone.ts'

const fixedUnits = { ms: 1000, s: 1_000_000, m: 60_000_000, h: 3_600_000_000 } as const
const calendarUnits = ['d', 'w', 'mo', 'q', 'y'] as const
type FixedUnit = keyof typeof fixedUnits
type CalendarUnit = (typeof calendarUnits)[number]

/** How a range is cut into buckets: by a fixed width from the epoch, or along the calendar of a zone. */
export type Interval =
  | { kind: 'fixed'; text: string; width: Micros }
  | { kind: 'calendar'; text: string; unit: CalendarUnit; count: number; zone: Zone }

const pattern = /^([1-9]\d{0,4})(ms|s|m|h|d|w|mo|q|y)$/

/** Reads `5m`, `1h`, `2w`. Hours and shorter are aligned to the epoch; days and longer to the calendar in `tz`. */
export function parseInterval(text: string, tz: string): Interval {
  const match = pattern.exec(text)
  if (!match) throw invalid('interval', 'expected a number and one of ms, s, m, h, d, w, mo, q, y, as in 5m')
  const count = Number(match[1])
  const unit = match[2] as FixedUnit | CalendarUnit
  if (unit in fixedUnits) return { kind: 'fixed', text, width: count * fixedUnits[unit as FixedUnit] }
  return { kind: 'calendar', text, unit: unit as CalendarUnit, count, zone: createZone(tz) }
}

/**
 * The starts of the buckets that hold [start, end), at most `max` of them: `undefined` if there are more. The first
 * start may lie before `start`.
 */
export function bucketStarts(interval: Interval, start: Micros, end: Micros, max: number): Micros[] | undefined {
  if (interval.kind === 'fixed') return fixedStarts(interval.width, start, end, max)
  const starts: Micros[] = []
  for (let index = calendarIndex(interval, start); ; index++) {
    const at = calendarStart(interval, index)
    if (at >= end) return starts
    if (starts.length === max) return undefined
    starts.push(at)
  }
}

/** The coarsest whole width of time that every bucket boundary is a multiple of; 1 where there is none. */
export function boundaryGrain(interval: Interval): Micros {
  if (interval.kind === 'fixed') return interval.width
  return interval.zone.grain
}

const autoSteps = [
  '1s',
  '5s',
  '10s',
  '30s',
  '1m',
  '5m',
  '10m',
  '15m',
  '30m',
  '1h',
  '3h',
  '6h',
  '12h',
  '1d',
  '1w',
  '1mo',
  '1q',
  '1y',
]

/** The finest of the round intervals that cuts the range into at most `max` buckets. */
export function fittingInterval(start: Micros, end: Micros, max: number, tz: string): Interval {
  const intervals = autoSteps.map((text) => parseInterval(text, tz))
  return intervals.find((interval) => bucketStarts(interval, start, end, max)) ?? intervals.at(-1)!
}

function fixedStarts(width: Micros, start: Micros, end: Micros, max: number): Micros[] | undefined {
  const first = Math.floor(start / width) * width
  const count = Math.ceil((end - first) / width)
  if (count > max) return undefined
  return Array.from({ length: count }, (_, i) => first + i * width)
}

type CalendarInterval = Extract<Interval, { kind: 'calendar' }>

/** Buckets are numbered from the one that holds 1970-01-01 (weeks: Monday, 1969-12-29) in the zone. */
function calendarIndex(interval: CalendarInterval, at: Micros): number {
  const { unit, count, zone } = interval
  const { year, month, day } = zone.dateOf(at)
  const days = Math.floor(Date.UTC(year, month - 1, day) / 86_400_000)
  const units = { d: days, w: Math.floor((days + 3) / 7), mo: (year - 1970) * 12 + month - 1, q: 0, y: year - 1970 }
  units.q = Math.floor(units.mo / 3)
  return Math.floor(units[unit] / count)
}

function calendarStart(interval: CalendarInterval, index: number): Micros {
  const { unit, count, zone } = interval
  const n = index * count
  switch (unit) {
    case 'd':
      return zone.startOfDay(1970, 1, 1 + n)
    case 'w':
      return zone.startOfDay(1970, 1, 1 - 3 + n * 7)
    case 'mo':
      return zone.startOfDay(1970, 1 + n, 1)
    case 'q':
      return zone.startOfDay(1970, 1 + n * 3, 1)
    case 'y':
      return zone.startOfDay(1970 + n, 1, 1)
    default:
      return unit satisfies never
  }
}
