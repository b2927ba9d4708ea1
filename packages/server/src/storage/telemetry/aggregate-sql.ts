import type { Aggregation } from '@nexus/contract'
import type { AggregatePlan, Micros, Stretch } from '../../telemetry/ports.ts'
import { inDirty, inRange, list, quote, selected } from './sql.ts'

/**
 * Renders a plan as one query whose rows are `[bucket, device, tags, metric, kind, num, str]`. Roll-ups and points are
 * brought to the same columns, so that one aggregation serves both.
 */
export function aggregateSql(plan: AggregatePlan): string {
  const groups = ['b', 'metric', ...(plan.byDevice ? ['device'] : []), ...plan.byTags.map((_, i) => `g${i}`)]
  const { kind, num, str } = aggregates[plan.aggregation](plan)
  const tagColumns = plan.byTags.length === 0 ? '[]' : `[${plan.byTags.map((_, i) => `g${i}`).join(', ')}]`
  return `SELECT b, ${plan.byDevice ? 'device' : "''"}, ${tagColumns}, metric, ${kind}, ${num}, ${str}
    FROM (SELECT *, ${bucketOf(plan)} AS b FROM (${rowsOf(plan)}))${tagJoin(plan)}
    GROUP BY ${groups.join(', ')} ORDER BY b LIMIT ${plan.rowsMax}`
}

/** Renders the stretches of a plan as partial aggregates, rows of `[at, metric, device, tag_set, count, sum, min, max]`. */
export function partialsSql(plan: AggregatePlan): string {
  return `SELECT ${bucketOf(plan)} AS b, metric, device, toString(tag_set), sum(r.count), sum(r.sum), min(r.min), max(r.max)
    FROM (${rowsOf(plan)}) AS r GROUP BY b, metric, device, tag_set LIMIT ${plan.rowsMax}`
}

/** Renders the roll-ups of a span, a row a series, with its columns as arrays. */
export function rollUpsSql(size: '1m' | '1h', of: { devices: string[]; from: Micros; to: Micros }): string {
  const slot = `intDiv(toUnixTimestamp(t) - ${of.from / 1_000_000}, ${size === '1m' ? 60 : 3600})`
  return `SELECT metric, device, groupArray(${slot}), groupArray(kind),
      if(min(tag_set) = max(tag_set), [toString(min(tag_set))], groupArray(toString(tag_set))),
      groupArray(count), groupArray(total), groupArray(min), groupArray(max)
    FROM rollup_${size} FINAL WHERE device IN (${list(of.devices)}) AND ${inRange('t', of.from, of.to)} GROUP BY metric, device`
}

interface Rendered {
  kind: string
  num: string
  str: string
}

const numeric = (num: string) => (): Rendered => ({ kind: '1', num: `toFloat64(${num})`, str: "''" })

/** Ties of two devices at one instant go by the device's name, so that an answer never depends on how it was read. */
const ofEdge = (argument: 'argMin' | 'argMax', edge: 'first' | 'last') => (): Rendered => {
  const pick = (column: string) => `${argument}(${column}, (${edge}_at, device))`
  return { kind: pick('kind'), num: pick(edge), str: pick('str') }
}

const quantile = (level: number) => numeric(`quantileExactInclusive(${level})(sum)`)

const aggregates: Record<Aggregation, (plan: AggregatePlan) => Rendered> = {
  avg: numeric('sum(sum) / sum(count)'),
  min: numeric('min(min)'),
  max: numeric('max(max)'),
  sum: numeric('sum(sum)'),
  count: numeric('sum(count)'),
  first: ofEdge('argMin', 'first'),
  last: ofEdge('argMax', 'last'),
  p50: quantile(0.5),
  p90: quantile(0.9),
  p95: quantile(0.95),
  p99: quantile(0.99),
  stddev: numeric('stddevPop(sum)'),
  delta: numeric('sum(step)'),
  rate: (plan) => numeric(`sum(increase) / ${secondsOf(plan)}`)(),
  distinct: numeric('uniqExact(kind, sum, str)'),
}

/** Which types an aggregation reads; the rest is told by a warning. */
const kindsOf: Partial<Record<Aggregation, string>> = {
  count: '',
  first: 'AND kind IN (1, 2, 3)',
  last: '',
  distinct: 'AND kind IN (1, 3)',
  avg: 'AND kind IN (1, 2)',
  min: 'AND kind IN (1, 2)',
  max: 'AND kind IN (1, 2)',
  sum: 'AND kind IN (1, 2)',
}

function rowsOf(plan: AggregatePlan): string {
  const stretches = plan.stretches.map((stretch) => (stretch.source === 'raw' ? rawRows : rollUpRows)(plan, stretch))
  return stretches.join('\n    UNION ALL ')
}

function rollUpRows(plan: AggregatePlan, stretch: Stretch): string {
  return `SELECT metric, device, kind, tag_set, toDateTime64(t, 6, 'UTC') AS ts, count, total AS sum, min, max, first, first_at, last, last_at, '' AS str
    FROM rollup_${stretch.source} FINAL WHERE ${selected(plan)} ${kindsOf[plan.aggregation] ?? 'AND kind = 1'} AND ${within(stretch, 't')}`
}

function rawRows(plan: AggregatePlan, stretch: Stretch): string {
  const points = `SELECT metric, device, kind, tag_set, ts, toUInt64(1) AS count, num AS sum, num AS min, num AS max,
    num AS first, ts AS first_at, num AS last, ts AS last_at, str
    FROM points FINAL WHERE ${selected(plan)} ${kindsOf[plan.aggregation] ?? 'AND kind = 1'} AND ${within(stretch, 'ts')}`
  return plan.aggregation === 'delta' || plan.aggregation === 'rate' ? withSteps(points) : points
}

/** How far each point lies from the one before it in its series; a counter that fell is taken to have begun at zero. */
function withSteps(points: string): string {
  return `SELECT *, if(n = 1, 0, sum - before) AS step, if(n = 1, 0, if(sum < before, sum, sum - before)) AS increase
    FROM (SELECT *, row_number() OVER series AS n, lagInFrame(sum) OVER series AS before FROM (${points})
    WINDOW series AS (PARTITION BY metric, device ORDER BY ts))`
}

function within(stretch: Stretch, column: string): string {
  const conditions = [inRange(column, stretch.from, stretch.to)]
  if (stretch.only) conditions.push(inDirty(stretch.only, column))
  if (stretch.except) conditions.push(`NOT (${inDirty(stretch.except, column)})`)
  return conditions.join(' AND ')
}

function bucketOf({ buckets, start }: AggregatePlan): string {
  if (buckets === 'one') return `toInt64(${start})`
  const ts = 'toUnixTimestamp64Micro(ts)'
  if ('width' in buckets) return `intDiv(${ts}, ${buckets.width}) * ${buckets.width}`
  // Calendar boundaries were worked out beforehand: a point belongs to the last one at or before it.
  return `roundDown(${ts}, [${buckets.starts.join(', ')}]::Array(Int64))`
}

/** Seconds of the part of a bucket that lies in the range. */
function secondsOf({ buckets, start, end }: AggregatePlan): string {
  if (buckets === 'one') return String((end - start) / 1e6)
  if ('width' in buckets) return `((least(b + ${buckets.width}, ${end}) - greatest(b, ${start})) / 1e6)`
  const starts = buckets.starts
  const widths = starts.map((from, i) => ((starts[i + 1] ?? end) - Math.max(from, start)) / 1e6)
  return `any(transform(b, [${starts.join(', ')}]::Array(Int64), [${widths.join(', ')}]::Array(Float64), 1.))`
}

function tagJoin({ byTags }: AggregatePlan): string {
  if (byTags.length === 0) return ''
  const columns = byTags.map((key, i) => `if(mapContains(tags, ${quote(key)}), tags[${quote(key)}], NULL) AS g${i}`)
  return ` AS p ANY LEFT JOIN (SELECT id, ${columns.join(', ')} FROM tag_sets) AS s ON p.tag_set = s.id`
}
