import type { Aggregation } from '@nexus/contract'
import type { Micros } from './instant.ts'
import type { AggregatePlan, AggregateRow } from './ports.ts'
import { type Block, kindOf, slotOf } from './roll-up-cache.ts'

/** The aggregations that are made of counts, sums, minima and maxima. */
export const gatherable: readonly Aggregation[] = ['avg', 'min', 'max', 'sum', 'count']

/** The buckets of a plan, by number. */
export interface Buckets {
  count: number
  /** The number of the bucket that an instant of the plan's range falls in. */
  indexOf(at: Micros): number
  startOf(index: number): Micros
}

export function bucketsOf({ buckets, start, end }: Pick<AggregatePlan, 'buckets' | 'start' | 'end'>): Buckets {
  if (buckets === 'one') return { count: 1, indexOf: () => 0, startOf: () => start }
  if ('width' in buckets) {
    const { width } = buckets
    const first = Math.floor(start / width)
    return {
      count: Math.ceil(end / width) - first,
      indexOf: (at) => Math.floor(at / width) - first,
      startOf: (index) => (first + index) * width,
    }
  }
  const { starts } = buckets
  return { count: starts.length, indexOf: (at) => lastAtOrBefore(starts, at), startOf: (index) => starts[index]! }
}

function lastAtOrBefore(starts: readonly Micros[], at: Micros): number {
  let [low, high] = [0, starts.length - 1]
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (starts[middle]! <= at) low = middle
    else high = middle - 1
  }
  return low
}

/** The bucket of what is left out. */
export const outside = -1

/** What has been gathered of one metric in one group, bucket by bucket. */
export class PartialGroup {
  readonly device: string | undefined
  readonly tags: (string | null)[]
  readonly #counts: Float64Array
  readonly #sums: Float64Array
  readonly #mins: Float64Array
  readonly #maxs: Float64Array

  constructor(buckets: number, device: string | undefined, tags: (string | null)[]) {
    this.device = device
    this.tags = tags
    this.#counts = new Float64Array(buckets)
    this.#sums = new Float64Array(buckets)
    this.#mins = new Float64Array(buckets).fill(Number.POSITIVE_INFINITY)
    this.#maxs = new Float64Array(buckets).fill(Number.NEGATIVE_INFINITY)
  }

  gather(bucket: number, count: number, sum: number, min: number, max: number): void {
    this.#counts[bucket]! += count
    this.#sums[bucket]! += sum
    if (min < this.#mins[bucket]!) this.#mins[bucket] = min
    if (max > this.#maxs[bucket]!) this.#maxs[bucket] = max
  }

  /** Gathers the rows of a block of one tag set, up to a kind. `buckets` tells where each slot falls, or `outside`. */
  gatherBlock({ keys, values }: Block, buckets: Int32Array, kindMax: number): void {
    const [counts, sums, mins, maxs] = [this.#counts, this.#sums, this.#mins, this.#maxs]
    for (let i = 0, at = 0; i < keys.length; i += 2, at += 3) {
      const key = keys[i]!
      const bucket = buckets[slotOf(key)]!
      if (bucket === outside || kindOf(key) > kindMax) continue
      counts[bucket]! += keys[i + 1]!
      sums[bucket]! += values[at]!
      mins[bucket] = Math.min(mins[bucket]!, values[at + 1]!)
      maxs[bucket] = Math.max(maxs[bucket]!, values[at + 2]!)
    }
  }

  rows(metric: string, aggregation: Aggregation, { startOf }: Buckets): AggregateRow[] {
    const { device, tags } = this
    const rows: AggregateRow[] = []
    for (const [index, count] of this.#counts.entries()) {
      if (count === 0) continue
      const gathered = { count, sum: this.#sums[index]!, min: this.#mins[index]!, max: this.#maxs[index]! }
      const num = resultOf(aggregation, gathered)
      rows.push({ bucket: startOf(index), device, tags, metric, kind: 'number', num, str: '' })
    }
    return rows
  }
}

interface Gathered {
  count: number
  sum: number
  min: number
  max: number
}

function resultOf(aggregation: Aggregation, { count, sum, min, max }: Gathered): number {
  switch (aggregation) {
    case 'avg':
      return sum / count
    case 'sum':
      return sum
    case 'count':
      return count
    case 'min':
      return min
    case 'max':
      return max
    default:
      throw new Error(`${aggregation} is not made of partial aggregates`)
  }
}
