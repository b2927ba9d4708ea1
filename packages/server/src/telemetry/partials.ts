import type { Aggregation } from '@nexus/contract'
import type { Micros } from './instant.ts'
import type { AggregateRow } from './ports.ts'

/** What has been gathered of one metric in one bucket of one group. */
interface Gathered {
  count: number
  sum: number
  min: number
  max: number
}

export interface PartialGroup {
  device: string | undefined
  tags: (string | null)[]
  buckets: Map<Micros, Gathered>
  /** The bucket that was last gathered into: rows come in order, so the next mostly falls there too. */
  recent: { bucket: Micros; gathered: Gathered } | undefined
}

/** The aggregations that are made of counts, sums, minima and maxima. */
export const gatherable: readonly Aggregation[] = ['avg', 'min', 'max', 'sum', 'count']

/** Merges partial aggregates of one metric, from whichever table they were read, into the rows of an answer. */
export class Partials {
  readonly #groups = new Map<string, PartialGroup>()

  /** The group of this key, which must tell it from all others. */
  group(key: string, device: string | undefined, tags: (string | null)[]): PartialGroup {
    let group = this.#groups.get(key)
    if (!group) {
      group = { device, tags, buckets: new Map(), recent: undefined }
      this.#groups.set(key, group)
    }
    return group
  }

  rows(metric: string, aggregation: Aggregation): AggregateRow[] {
    const rows: AggregateRow[] = []
    for (const { device, tags, buckets } of this.#groups.values()) {
      for (const [bucket, gathered] of buckets) {
        rows.push({ bucket, device, tags, metric, kind: 'number', num: resultOf(aggregation, gathered), str: '' })
      }
    }
    return rows
  }
}

export function gather(
  group: PartialGroup,
  bucket: Micros,
  count: number,
  sum: number,
  min: number,
  max: number,
): void {
  const known = group.recent?.bucket === bucket ? group.recent.gathered : group.buckets.get(bucket)
  const gathered = known ?? { count: 0, sum: 0, min, max }
  if (!known) group.buckets.set(bucket, gathered)
  if (group.recent?.gathered !== gathered) group.recent = { bucket, gathered }
  gathered.count += count
  gathered.sum += sum
  if (min < gathered.min) gathered.min = min
  if (max > gathered.max) gathered.max = max
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
