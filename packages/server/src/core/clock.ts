/** The one source of time, so that tests can turn it. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
}

export const systemClock: Clock = { now: () => Date.now() }

export function toIso(ms: number): string {
  return new Date(ms).toISOString()
}
