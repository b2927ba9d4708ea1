import { type QueryOutput, telemetryLimits } from '@nexus/contract'
import { invalid } from '../core/failure.ts'
import type { Turns } from '../core/turns.ts'
import { formatInstant, type Micros } from './instant.ts'
import { toValue } from './point.ts'
import type { AggregateRow } from './ports.ts'
import type { Question } from './question.ts'

/** The values of one group, by bucket and metric. */
export interface Group {
  /** The columns of `group_by`. */
  columns: Record<string, string | null>
  buckets: Map<Micros, Map<string, unknown>>
}

const { queryGroupsMax } = telemetryLimits

export async function groupRows(question: Question, rows: readonly AggregateRow[], turns: Turns): Promise<Group[]> {
  const groups = new Map<string, Group>()
  let last: { row: AggregateRow; group: Group } | undefined
  for (const row of rows) {
    // Rows of a group mostly follow each other, and share their tags.
    const isAlike = last?.row.device === row.device && last?.row.tags === row.tags
    const key = isAlike ? '' : JSON.stringify([row.device, ...row.tags])
    let group = isAlike ? last?.group : groups.get(key)
    if (!group) {
      if (groups.size === queryGroupsMax) {
        throw invalid('group_by', `gives more than ${queryGroupsMax} groups: narrow the query by device_id or tags`)
      }
      group = { columns: columnsOf(question, row), buckets: new Map() }
      groups.set(key, group)
    }
    last = { row, group }
    let bucket = group.buckets.get(row.bucket)
    if (!bucket) {
      bucket = new Map()
      group.buckets.set(row.bucket, bucket)
    }
    bucket.set(row.metric, toValue(row.kind, row.num, row.str))
    const turn = turns.after(1)
    if (turn) await turn
  }
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group)
}

function columnsOf(question: Question, row: AggregateRow): Group['columns'] {
  const columns: Group['columns'] = {}
  if (question.byDevice) columns.device_id = row.device ?? null
  for (const [i, key] of question.byTags.entries()) columns[`tag.${key}`] = row.tags[i] ?? null
  return columns
}

/** Flat rows, in the order of time and then of groups; a metric without a reading is null. */
export async function toRows(
  question: Question,
  metrics: readonly string[],
  groups: readonly Group[],
  turns: Turns,
): Promise<QueryOutput['data']> {
  const names = metrics.map((metric) => [metric, columnName(metric)] as const)
  const data: QueryOutput['data'] = []
  for (const at of bucketsOf(question, groups)) {
    const timestamp = formatInstant(at)
    for (const { columns, buckets } of groups) {
      const bucket = buckets.get(at)
      if (!bucket) continue
      const row: QueryOutput['data'][number] = { timestamp, ...columns }
      for (const [metric, name] of names) row[name] = bucket.get(metric) ?? null
      data.push(row)
      const turn = turns.after(names.length)
      if (turn) await turn
    }
  }
  return data
}

function bucketsOf(question: Question, groups: readonly Group[]): Micros[] {
  if (!question.interval) return question.starts
  const filled = new Set<Micros>()
  for (const { buckets } of groups) for (const at of buckets.keys()) filled.add(at)
  return [...filled].sort((a, b) => a - b)
}

/** What rows use for themselves, what no object should be given, and what the column of such a metric could be taken for. */
const reserved = /^(metrics\.)*(timestamp$|device_id$|__proto__$|tag\.)/

/**
 * The column of a metric, the same in every answer, and of no other metric: its name. A name that is reserved, or such a
 * name behind the prefix `metrics.` any number of times, stands behind one prefix more.
 */
export function columnName(metric: string): string {
  return reserved.test(metric) ? `metrics.${metric}` : metric
}
