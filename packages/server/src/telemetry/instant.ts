import { invalid } from '../core/failure.ts'

/** Telemetry time is a whole number of microseconds since the epoch: exact in a double until the year 2255. */
export type Micros = number

export const microsPerMinute = 60_000_000
export const microsPerHour = 3_600_000_000

const secondsPerDay = 86_400
const twoDigits = Array.from({ length: 60 }, (_, number) => String(number).padStart(2, '0'))
let lastText = { text: '', micros: undefined as Micros | undefined }
let lastDate = { midnight: 0, text: '1970-01-01' }

/** The last instant that the store can hold, the end of 2254. */
export const instantMax: Micros = Date.UTC(2255, 0, 1) * 1000

const iso = /^(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(?:[.,](\d{1,12}))?([Zz]|[+-]\d{2}:?\d{2})$/

/**
 * Reads ISO 8601 with an offset, or the epoch by its magnitude: below 5e9 seconds, below 5e12 milliseconds, below 5e15
 * microseconds, else nanoseconds. What is finer than a microsecond is cut off. `undefined`: not an instant.
 */
export function parseInstant(value: unknown): Micros | undefined {
  const micros = toMicros(value)
  return micros !== undefined && micros >= 0 && micros < instantMax ? micros : undefined
}

/** Reads the bound of a query, or throws INVALID_REQUEST naming its field, and the range if it lies outside. */
export function readInstant(value: string | number, field: string): Micros {
  const micros = parseInstant(value)
  if (micros === undefined) throw invalid(field, toMicros(value) === undefined ? formIssue : rangeIssue)
  return micros
}

const formIssue = 'Invalid ISO 8601 format: expected a date, a time and an offset, as in 2025-11-03T01:53:54.518Z'
const rangeIssue = `cannot be kept: expected an instant from ${formatInstant(0)} to before ${formatInstant(instantMax)}`

/** For who does not tell the form from the range. */
export const instantIssue = `${formIssue}, from ${formatInstant(0)} to before ${formatInstant(instantMax)}`

/** Writes `2025-11-03T00:05:00Z`, with as many digits of a second as there are. */
export function formatInstant(micros: Micros): string {
  const second = Math.floor(micros / 1_000_000)
  const ofDay = second % secondsPerDay
  const minute = Math.floor(ofDay / 60)
  const time = `${dateOf(second - ofDay)}T${twoDigits[Math.floor(minute / 60)]}:${twoDigits[minute % 60]}:${twoDigits[ofDay % 60]}`
  const fraction = micros % 1_000_000
  if (fraction === 0) return `${time}Z`
  const digits = String(fraction).padStart(6, '0')
  return `${time}.${digits.endsWith('000') ? digits.slice(0, 3) : digits}Z`
}

/** The instants of an answer mostly share their day with the one before. */
function dateOf(midnight: number): string {
  if (lastDate.midnight !== midnight)
    lastDate = { midnight, text: new Date(midnight * 1000).toISOString().slice(0, 10) }
  return lastDate.text
}

/** Before the range is looked at. */
function toMicros(value: unknown): Micros | undefined {
  if (typeof value === 'number') return fromEpoch(value)
  if (typeof value !== 'string') return undefined
  // What is sent together is mostly of one moment.
  if (lastText.text !== value) lastText = { text: value, micros: fromText(value) }
  return lastText.micros
}

function fromEpoch(value: number): Micros | undefined {
  if (!Number.isFinite(value)) return undefined
  if (value < 5e9) return Math.round(value * 1e6)
  if (value < 5e12) return Math.floor(value * 1e3)
  if (value < 5e15) return Math.floor(value)
  return Math.floor(value / 1e3)
}

function fromText(value: string): Micros | undefined {
  // The form that clients send most is read by the engine itself; it holds at most milliseconds.
  if (value.length === 24 && value.charCodeAt(23) === 90) {
    const ms = Date.parse(value)
    if (!Number.isNaN(ms) && value.charCodeAt(10) === 84 && sameDay(value, ms)) return ms * 1000
  }
  const match = iso.exec(value)
  if (!match) return undefined
  const [, date, time, fraction = '', offset] = match as unknown as [string, string, string, string | undefined, string]
  const zone = /^z$/i.test(offset) ? 'Z' : offset.length === 5 ? `${offset.slice(0, 3)}:${offset.slice(3)}` : offset
  const ms = Date.parse(`${date}T${time}${zone}`)
  if (Number.isNaN(ms) || !sameDay(date, Date.parse(`${date}T00:00:00Z`))) return undefined
  return ms * 1000 + Number(fraction.slice(0, 6).padEnd(6, '0'))
}

/** `Date.parse` takes the 30th of February for the 2nd of March. */
function sameDay(text: string, ms: number): boolean {
  return Number(text.slice(8, 10)) === new Date(ms).getUTCDate()
}
