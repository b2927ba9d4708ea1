import { type Aggregation, keyPattern, type QueryInput, telemetryLimits } from '@nexus/contract'
import { readCommaList } from '../core/escaped-text.ts'
import { invalid } from '../core/failure.ts'
import { parseTagFilter, type TagCondition } from '../core/tag-filter.ts'
import { type Micros, readInstant } from './instant.ts'
import { bucketStarts, fittingInterval, type Interval, parseInterval } from './interval.ts'
import { createZone } from './zone.ts'

/** A query as it was understood. */
export interface Question {
  start: Micros
  end: Micros
  devices: string[] | undefined
  metrics: string[] | undefined
  tags: TagCondition[] | undefined
  aggregation: Aggregation | undefined
  interval: Interval | undefined
  /** The starts of all buckets of the range; one where there is no interval. */
  starts: Micros[]
  byDevice: boolean
  byTags: string[]
  /** Roll-ups must not be used. */
  rawOnly: boolean
}

const { queryBucketsMax, metricsMax } = telemetryLimits
const devicesMax = 1000
const groupsByMax = 8
const key = new RegExp(keyPattern)

/** Reads the input of a query; what the schema could not check is checked here. */
export function readQuestion(input: QueryInput): Question {
  const start = readInstant(input.start_time, 'start_time')
  const end = readInstant(input.end_time, 'end_time')
  if (end <= start) throw invalid('end_time', 'must be later than start_time', 'VALIDATION_ERROR')
  const useless = uselessParameter(input)
  if (useless) throw invalid(useless.field, useless.issue)
  const tz = createZone(input.tz ?? 'UTC').name
  const interval = readInterval(input, start, end, tz)
  return {
    start,
    end,
    devices: readList(input.device_id, 'device_id', devicesMax),
    metrics: readList(input.metrics, 'metrics', metricsMax)?.map(checkMetric),
    tags: input.tags === undefined ? undefined : parseTagFilter(input.tags),
    aggregation: input.aggregation,
    interval,
    starts: interval ? startsOf(interval, start, end, tz) : [start],
    ...readGroupBy(input),
    rawOnly: input.resolution === 'raw',
  }
}

type Field = Extract<keyof QueryInput, string>

/** What would have no effect in a query, and why. */
const bound: { fields: Field[]; applies(input: Partial<QueryInput>): boolean; issue: string }[] = [
  {
    fields: ['group_by'],
    applies: ({ aggregation, interval }) => aggregation !== undefined || interval !== undefined,
    issue: 'needs an aggregation or an interval: raw points are not grouped',
  },
  {
    fields: ['limit', 'cursor'],
    applies: ({ aggregation, interval }) => aggregation === undefined && interval === undefined,
    issue: 'is for pages of raw points: leave it out, or aggregation and interval',
  },
  {
    fields: ['fill'],
    applies: ({ interval }) => interval !== undefined,
    issue: 'is about buckets: it needs an interval',
  },
  {
    fields: ['max_points'],
    applies: ({ interval }) => interval === 'auto',
    issue: 'is for interval=auto alone',
  },
]

/** The first parameter that would have no effect, and why; what says how buckets are made, if there are any, never counts. */
export function uselessParameter(input: Partial<QueryInput>): { field: Field; issue: string } | undefined {
  for (const { fields, applies, issue } of bound) {
    const field = fields.find((name) => input[name] !== undefined)
    if (field !== undefined && !applies(input)) return { field, issue }
  }
  return undefined
}

/**
 * Reads a comma-separated list, in which a backslash takes the next character as it is, or an array, whose entries stand
 * as they are. Empty entries and repeats are left out.
 */
export function readList(value: string | string[] | undefined, field: string, max: number): string[] | undefined {
  if (value === undefined) return undefined
  const entries = typeof value === 'string' ? readCommaList(value, field) : value.map((entry) => entry.trim())
  const list = [...new Set(entries.filter((entry) => entry !== ''))]
  if (list.length === 0) throw invalid(field, 'names nothing')
  if (list.length > max) throw invalid(field, `names ${list.length}, more than ${max}`)
  const broken = list.find((entry) => !entry.isWellFormed())
  if (broken !== undefined) throw invalid(field, 'is not well-formed Unicode')
  return list
}

function checkMetric(name: string): string {
  if (!key.test(name))
    throw invalid('metrics', `"${name.slice(0, 64)}" is not a metric name: it must match ${keyPattern}`)
  return name
}

function readInterval(input: QueryInput, start: Micros, end: Micros, tz: string): Interval | undefined {
  if (input.interval === undefined) return undefined
  if (input.interval === 'auto') return fittingInterval(start, end, input.max_points ?? 500, tz)
  return parseInterval(input.interval, tz)
}

function startsOf(interval: Interval, start: Micros, end: Micros, tz: string): Micros[] {
  const starts = bucketStarts(interval, start, end, queryBucketsMax)
  if (starts) return starts
  const fitting = fittingInterval(start, end, queryBucketsMax, tz)
  throw invalid('interval', `cuts the range into more than ${queryBucketsMax} buckets; ${fitting.text} would fit`)
}

function readGroupBy(input: QueryInput): Pick<Question, 'byDevice' | 'byTags'> {
  const columns = readList(input.group_by, 'group_by', groupsByMax) ?? []
  const byTags = columns.filter((column) => column.startsWith('tag.')).map((column) => column.slice(4))
  const unknown = columns.find((column) => column !== 'device_id' && !column.startsWith('tag.'))
  if (unknown !== undefined) throw invalid('group_by', `"${unknown.slice(0, 64)}" is neither device_id nor tag.<key>`)
  return { byDevice: columns.includes('device_id'), byTags }
}
