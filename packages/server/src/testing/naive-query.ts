import type { Aggregation } from '@nexus/contract'

/** A point as the reference keeps it: the newest write of its identity. */
export interface NaivePoint {
  device: string
  metric: string
  ms: number
  value: number | boolean | string
  tags: Record<string, string>
}

export interface NaiveQuery {
  start: number
  end: number
  metric: string
  aggregation: Aggregation
  interval: string | undefined
  tz: string
  byDevice: boolean
  region: string | undefined
}

/**
 * The reference that the planner is held against: one pass over all points, no index, no roll-up, and calendar buckets
 * found by reading the local date of each point, not by computing boundaries.
 */
export function naiveQuery(points: readonly NaivePoint[], query: NaiveQuery): Map<string, number | boolean | string> {
  const groups = new Map<string, NaivePoint[]>()
  const series = points
    .filter(({ metric, ms }) => metric === query.metric && ms >= query.start && ms < query.end)
    .filter(({ tags }) => query.region === undefined || tags.region === query.region)
    .sort((a, b) => a.ms - b.ms || (a.device < b.device ? -1 : 1))
  for (const point of series) {
    const key = `${bucketOf(point.ms, query)}|${query.byDevice ? point.device : ''}`
    groups.set(key, [...(groups.get(key) ?? []), point])
  }
  const answers = new Map<string, number | boolean | string>()
  for (const [key, members] of groups) {
    const answer = reduce(query.aggregation, members)
    if (answer !== undefined) answers.set(key, answer)
  }
  return answers
}

export function bucketOf(ms: number, { interval, tz }: Pick<NaiveQuery, 'interval' | 'tz'>): string {
  if (interval === undefined) return 'all'
  const [, count, unit] = /^(\d+)(m|h|d|w|mo)$/.exec(interval)!
  const width = { m: 60_000, h: 3_600_000 }[unit as 'm' | 'h']
  if (width) return new Date(Math.floor(ms / (width * Number(count))) * width * Number(count)).toISOString()
  const date = new Intl.DateTimeFormat('en-CA', {
    timeZone: tz,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
  }).format(ms)
  if (unit === 'mo') return `${date.slice(0, 7)}-01`
  const day = new Date(`${date}T00:00:00Z`)
  if (unit === 'w') day.setUTCDate(day.getUTCDate() - ((day.getUTCDay() + 6) % 7))
  return day.toISOString().slice(0, 10)
}

function reduce(aggregation: Aggregation, points: readonly NaivePoint[]): number | boolean | string | undefined {
  if (aggregation === 'count') return points.length
  if (aggregation === 'first') return points[0]!.value
  if (aggregation === 'last') return points.at(-1)!.value
  const numbers = points.filter(({ value }) => typeof value !== 'string').map(({ value }) => Number(value))
  if (numbers.length === 0) return undefined
  const sum = numbers.reduce((total, value) => total + value, 0)
  switch (aggregation) {
    case 'avg':
      return sum / numbers.length
    case 'sum':
      return sum
    case 'min':
      return Math.min(...numbers)
    case 'max':
      return Math.max(...numbers)
    default:
      throw new Error(`the reference does not know ${aggregation}`)
  }
}
