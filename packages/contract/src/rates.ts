/** Requests a minute for each key, unless the operator or the key says otherwise. */
export const rateDefaults = {
  telemetry: 1000,
  command: 100,
  task: 200,
  ai: 500,
  work: 6000,
  other: 600,
} as const

export type RateBucket = keyof typeof rateDefaults

export const rateBuckets = Object.keys(rateDefaults) as RateBucket[]
