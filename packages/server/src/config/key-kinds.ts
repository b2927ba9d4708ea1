import { type RateBucket, rateBuckets, rateDefaults } from '@nexus/contract'

/** What a raw value, from the environment or from YAML, comes to. */
export type Reading<T> = { value: T } | { issue: string }

/** One configuration key: what it means, and how its value is read. */
export interface Key<T> {
  description: string
  default: T
  /** Of a number, or the form of a text; shown in the documents. */
  unit: string
  /** Never printed. */
  secret: boolean
  read(raw: unknown): Reading<T>
}

export interface Described {
  description: string
  unit?: string
  secret?: boolean
}

/** A text that may be checked further; `check` answers what is wrong with it. */
export function text(options: Described & { default: string }): Key<string>
export function text(
  options: Described & { default: undefined; check?: (value: string) => string | undefined },
): Key<string | undefined>
export function text(
  options: Described & { default: string | undefined; check?: (value: string) => string | undefined },
): Key<string | undefined> {
  const read = (raw: unknown): Reading<string> => {
    if (typeof raw !== 'string') return { issue: 'must be a text' }
    const issue = options.check?.(raw)
    return issue ? { issue } : { value: raw }
  }
  return { unit: 'text', secret: false, ...options, read }
}

export function integer(
  options: Described & { default: number; unit: string; minimum: number; maximum: number },
): Key<number> {
  const { minimum, maximum } = options
  const read = (raw: unknown): Reading<number> => {
    const value = typeof raw === 'string' && /^-?\d{1,15}$/.test(raw) ? Number(raw) : raw
    if (typeof value !== 'number' || !Number.isSafeInteger(value)) return { issue: 'must be a whole number' }
    if (value < minimum || value > maximum) return { issue: `must be between ${minimum} and ${maximum}` }
    return { value }
  }
  return { secret: false, ...options, read }
}

export function flag(options: Described & { default: boolean }): Key<boolean> {
  const read = (raw: unknown): Reading<boolean> => {
    if (raw === true || raw === 'true' || raw === '1') return { value: true }
    if (raw === false || raw === 'false' || raw === '0') return { value: false }
    return { issue: 'must be true or false' }
  }
  return { unit: 'true or false', secret: false, ...options, read }
}

export function choice<const C extends string>(options: Described & { default: C; of: readonly C[] }): Key<C> {
  const read = (raw: unknown): Reading<C> => {
    const value = options.of.find((one) => one === raw)
    return value === undefined ? { issue: `must be one of ${options.of.join(', ')}` } : { value }
  }
  return { unit: options.of.join(', '), secret: false, ...options, read }
}

/** Requests a minute for every bucket, or `off`. */
export type RateLimits = 'off' | Readonly<Record<RateBucket, number>>

/** `default`, `off`, a list such as `telemetry=1000,command=100`, or in YAML a map; what is left out keeps its default. */
export function rateLimits(options: Described): Key<RateLimits> {
  const read = (raw: unknown): Reading<RateLimits> => {
    if (raw === 'default') return { value: rateDefaults }
    // YAML 1.1 habits: a bare `off` may arrive as false.
    if (raw === 'off' || raw === false) return { value: 'off' }
    if (typeof raw === 'string') return merged(raw.split(',').map((part) => splitPair(part.trim())))
    if (typeof raw === 'object' && raw !== null) return merged(Object.entries(raw))
    return { issue: 'must be default, off, or a list such as telemetry=1000,command=100' }
  }
  return { unit: 'requests a minute', secret: false, default: rateDefaults, ...options, read }
}

function splitPair(part: string): [string, unknown] {
  const at = part.indexOf('=')
  return at === -1 ? [part, undefined] : [part.slice(0, at).trim(), part.slice(at + 1).trim()]
}

function merged(pairs: [string, unknown][]): Reading<RateLimits> {
  const limits: Record<RateBucket, number> = { ...rateDefaults }
  for (const [name, raw] of pairs) {
    const bucket = rateBuckets.find((known) => known === name)
    if (!bucket) return { issue: `knows no bucket '${name}': use ${rateBuckets.join(', ')}` }
    const limit = Number(raw)
    if (!/^\d{1,9}$/.test(String(raw)) || limit < 1) return { issue: `needs a whole number above zero for ${bucket}` }
    limits[bucket] = limit
  }
  return { value: limits }
}
