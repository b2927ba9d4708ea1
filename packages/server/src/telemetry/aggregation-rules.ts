import type { Aggregation, MetricType } from '@nexus/contract'

const all: readonly MetricType[] = ['number', 'boolean', 'string', 'array', 'object']
const scalars: readonly MetricType[] = ['number', 'boolean', 'string']
const numeric: readonly MetricType[] = ['number', 'boolean']
const numbers: readonly MetricType[] = ['number']

/** The types that an aggregation can read; readings of other types are passed over, and a warning says so. */
export const appliesTo: Record<Aggregation, readonly MetricType[]> = {
  avg: numeric,
  min: numeric,
  max: numeric,
  sum: numeric,
  count: all,
  first: scalars,
  last: all,
  p50: numbers,
  p90: numbers,
  p95: numbers,
  p99: numbers,
  stddev: numbers,
  rate: numbers,
  delta: numbers,
  distinct: ['number', 'string'],
}

/** What is asked of a metric when an interval is given and no aggregation. */
export function defaultAggregation(kinds: ReadonlySet<MetricType>): Aggregation {
  return kinds.has('number') || kinds.size === 0 ? 'avg' : 'last'
}

/** Whether roll-ups, which keep min, max, sum, count, first and last of numbers and booleans, can answer exactly. */
export function rollsUp(aggregation: Aggregation, kinds: ReadonlySet<MetricType>): boolean {
  switch (aggregation) {
    case 'avg':
    case 'min':
    case 'max':
    case 'sum':
    case 'count':
      return true
    case 'first':
    case 'last':
      return [...kinds].every((kind) => numeric.includes(kind))
    default:
      return false
  }
}
