/** Requests a minute for each key, unless the operator or the key says otherwise. */
export const rateDefaults = {
  telemetry: 1000,
  command: 100,
  task: 200,
  ai: 500,
  work: 6000,
  other: 600,
} as const

/** What calls that take new work, or only tell of it, leave of a bucket to those that keep or end what is in hand. */
export function reservedOf(limit: number): number {
  return Math.floor(limit / 4)
}

export type RateBucket = keyof typeof rateDefaults

export const rateBuckets = Object.keys(rateDefaults) as RateBucket[]
