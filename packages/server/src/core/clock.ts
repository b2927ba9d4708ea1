/** The one source of time, so that tests can turn it. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
}

export const systemClock: Clock = { now: () => Date.now() }

const last = { ms: Number.NaN, text: '' }

/** ISO 8601 in UTC with milliseconds. Many answers fall into one millisecond, so the last text is kept. */
export function toIso(ms: number): string {
  if (ms !== last.ms) {
    last.ms = ms
    last.text = new Date(ms).toISOString()
  }
  return last.text
}

/** The same of an instant that may not have come. */
export function toIsoOrNull(ms: number | null): string | null {
  return ms === null ? null : toIso(ms)
}
