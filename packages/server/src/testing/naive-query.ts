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
    const answer = stepped(query.aggregation) ? moved(members, series, query) : reduce(query.aggregation, members)
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

function stepped(aggregation: Aggregation): boolean {
  return aggregation === 'delta' || aggregation === 'rate'
}

/** How far the numbers of a bucket lie from the ones before them in the range, or how fast those that count up do. */
function moved(members: readonly NaivePoint[], series: readonly NaivePoint[], query: NaiveQuery): number | undefined {
  const isNumber = (point: NaivePoint) => typeof point.value === 'number'
  const numbers = members.filter(isNumber)
  if (numbers.length === 0) return undefined
  const steps = numbers.map((point) => {
    const before = series
      .filter((other) => isNumber(other) && other.device === point.device && other.ms < point.ms)
      .at(-1)
    const [from, to] = [Number(before?.value ?? point.value), Number(point.value)]
    return query.aggregation === 'delta' ? to - from : to < from ? to : to - from
  })
  const sum = steps.reduce((total, step) => total + step, 0)
  return query.aggregation === 'delta' ? sum : sum / secondsWithin(numbers[0]!.ms, query)
}

/** Of the bucket that holds an instant, as far as it lies in the range: its edges are where labels change. */
function secondsWithin(ms: number, query: NaiveQuery): number {
  const label = bucketOf(ms, query)
  const edge = (inside: number, outside: number): number => {
    if (Math.abs(outside - inside) <= 1) return inside
    const middle = Math.trunc((inside + outside) / 2)
    return bucketOf(middle, query) === label ? edge(middle, outside) : edge(inside, middle)
  }
  const [first, last] = [edge(ms, query.start - 1), edge(ms, query.end)]
  return (last + 1 - first) / 1000
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
