import type { Aggregation, MetricType } from '@nexus/contract'
import type { Micros } from './instant.ts'
import type { AggregateRow, PartialRow } from './ports.ts'

/** What has been gathered of one metric in one bucket of one group. */
interface Gathered {
  count: number
  sum: number
  min: number
  max: number
  first: Edge
  last: Edge
}

/** Ties of two devices at one instant go by the device's name, as in the store's SQL. */
interface Edge {
  at: Micros
  device: string
  num: number
  kind: number
}

interface GroupOf {
  device: string | undefined
  tags: (string | null)[]
  buckets: Map<number, Gathered>
}

const kinds: MetricType[] = ['number', 'number', 'boolean', 'string', 'array', 'object']

/** Merges partial aggregates of one metric, from whichever table they were read, into the rows of an answer. */
export class Partials {
  readonly #groups = new Map<string, GroupOf>()

  /** Opens a group; its key must tell it from all others. */
  group(key: string, device: string | undefined, tags: (string | null)[]): GroupOf {
    let group = this.#groups.get(key)
    if (!group) {
      group = { device, tags, buckets: new Map() }
      this.#groups.set(key, group)
    }
    return group
  }

  rows(metric: string, aggregation: Aggregation): AggregateRow[] {
    const rows: AggregateRow[] = []
    for (const { device, tags, buckets } of this.#groups.values()) {
      for (const [bucket, gathered] of buckets) {
        const { num, kind } = resultOf(aggregation, gathered)
        rows.push({ bucket, device, tags, metric, kind: kinds[kind]!, num, str: '' })
      }
    }
    return rows
  }
}

export function gather(group: GroupOf, bucket: Micros, device: string, row: PartialRow): void {
  const known = group.buckets.get(bucket)
  if (!known) {
    group.buckets.set(bucket, {
      count: row.count,
      sum: row.sum,
      min: row.min,
      max: row.max,
      first: { at: row.firstAt, device, num: row.first, kind: row.kind },
      last: { at: row.lastAt, device, num: row.last, kind: row.kind },
    })
    return
  }
  known.count += row.count
  known.sum += row.sum
  if (row.min < known.min) known.min = row.min
  if (row.max > known.max) known.max = row.max
  if (row.firstAt < known.first.at || (row.firstAt === known.first.at && device < known.first.device)) {
    known.first = { at: row.firstAt, device, num: row.first, kind: row.kind }
  }
  if (row.lastAt > known.last.at || (row.lastAt === known.last.at && device > known.last.device)) {
    known.last = { at: row.lastAt, device, num: row.last, kind: row.kind }
  }
}

function resultOf(
  aggregation: Aggregation,
  { count, sum, min, max, first, last }: Gathered,
): { num: number; kind: number } {
  switch (aggregation) {
    case 'avg':
      return { num: sum / count, kind: 1 }
    case 'sum':
      return { num: sum, kind: 1 }
    case 'count':
      return { num: count, kind: 1 }
    case 'min':
      return { num: min, kind: 1 }
    case 'max':
      return { num: max, kind: 1 }
    case 'first':
      return first
    case 'last':
      return last
    default:
      throw new Error(`${aggregation} is not made of partial aggregates`)
  }
}
