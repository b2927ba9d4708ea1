import { type Input, keyPattern, type TaskGuard } from '@nexus/contract'
import { durationForm, durationMs } from '../core/duration.ts'
import { invalid } from '../core/failure.ts'

const aggregations = ['avg', 'min', 'max', 'sum', 'count', 'last', 'p50', 'p95', 'p99'] as const
const holds = {
  '<': (value: number, bound: number) => value < bound,
  '<=': (value: number, bound: number) => value <= bound,
  '>': (value: number, bound: number) => value > bound,
  '>=': (value: number, bound: number) => value >= bound,
  '==': (value: number, bound: number) => value === bound,
  '!=': (value: number, bound: number) => value !== bound,
} as const
const form = new RegExp(
  `^\\s*(${aggregations.join('|')})\\s*\\(\\s*(${keyPattern.slice(1, -1)})\\s*\\)\\s*(<=|>=|==|!=|<|>)\\s*` +
    `([-+]?\\d+(?:\\.\\d+)?(?:[eE][-+]?\\d{1,3})?)\\s+over\\s+(${durationForm})\\s*$`,
)
const windowMsMax = 30 * 86_400_000

/** What a guard asks of telemetry. */
export interface Guard {
  metric: string
  /** The query whose one value it is about, over the time before `now`. */
  query(now: number): Input<'telemetry.query'>
  holds(value: number): boolean
}

/** Reads `avg(cpu_usage) < 70 over 5m`. Errors: VALIDATION_ERROR. */
export function parseGuard({ query, device_id, tags }: TaskGuard): Guard {
  const [, aggregation, metric, operator, number, window] = form.exec(query) ?? []
  if (aggregation === undefined)
    throw wrong(
      `expected ${aggregations.join(', ')}, a metric, a comparison and a time, as in avg(cpu_usage) < 70 over 5m`,
    )
  const bound = Number(number)
  const ms = durationMs(window!)
  if (!Number.isFinite(bound)) throw wrong(`${number} is no number that can be kept`)
  if (!(ms >= 1000 && ms <= windowMsMax)) throw wrong('expected a time from 1s to 30d')
  const filter = Object.entries(tags ?? {}).map(([key, value]) => `${escaped(key)}:${escaped(value)}`)
  return {
    metric: metric!,
    query: (now) => ({
      start_time: new Date(now - ms).toISOString(),
      end_time: new Date(now + 1).toISOString(),
      metrics: metric!,
      aggregation: aggregation as 'avg',
      ...(device_id !== undefined && { device_id }),
      ...(filter.length > 0 && { tags: filter.join(',') }),
    }),
    holds: (value) => holds[operator as keyof typeof holds](value, bound),
  }
}

/** In a filter of tags these mean something of their own. */
function escaped(text: string): string {
  return text.replaceAll(/[\\,:|*!]/g, '\\$&')
}

function wrong(issue: string) {
  return invalid('guard.query', issue, 'VALIDATION_ERROR')
}
