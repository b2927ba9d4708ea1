import { keyPattern, type MetricType, telemetryLimits } from '@nexus/contract'
import { type Fault, valueFault } from '../core/value.ts'

/**
 * One reading of one metric. Numbers and booleans (0, 1) stand in `num`; text, and the JSON of arrays and objects, in `str`.
 */
export interface Point {
  metric: string
  kind: MetricType
  num: number
  str: string
}

const key = new RegExp(keyPattern)

/**
 * Adds the points of a metric that is not a plain number: itself, and what can be read inside of it: `name.length` of an
 * array, `name.path` of each leaf of an object whose path is a valid metric name. Returns the fault that was found, its
 * field relative to the metric.
 */
export function flattenMetric(points: Point[], metric: string, value: unknown): Fault | undefined {
  if (value === null) return { field: '', issue: 'null is not a reading: leave the metric out' }
  const bad = valueFault('', value, 1)
  if (bad) return { field: bad.field.slice(1), issue: bad.issue }
  addPoints(points, metric, value)
  return undefined
}

/** How many points a metric with this value makes, itself among them. */
export function pointCount(metric: string, value: unknown): number {
  const points: Point[] = []
  addPoints(points, metric, value)
  return points.length
}

function addPoints(points: Point[], metric: string, value: unknown): void {
  switch (typeof value) {
    case 'number':
      points.push({ metric, kind: 'number', num: value, str: '' })
      return
    case 'boolean':
      points.push({ metric, kind: 'boolean', num: value ? 1 : 0, str: '' })
      return
    case 'string':
      points.push({ metric, kind: 'string', num: 0, str: value })
      return
    default:
      if (Array.isArray(value)) addArray(points, metric, value)
      else addObject(points, metric, value as Record<string, unknown>)
  }
}

function addArray(points: Point[], metric: string, value: unknown[]): void {
  points.push({ metric, kind: 'array', num: 0, str: JSON.stringify(value) })
  const length = `${metric}.length`
  if (length.length <= telemetryLimits.keyLengthMax)
    points.push({ metric: length, kind: 'number', num: value.length, str: '' })
}

function addObject(points: Point[], metric: string, value: Record<string, unknown>): void {
  points.push({ metric, kind: 'object', num: 0, str: JSON.stringify(value) })
  for (const [name, child] of Object.entries(value)) {
    const path = `${metric}.${name}`
    if (child !== null && key.test(path)) addPoints(points, path, child)
  }
}

/** The value as the client sent it. */
export function toValue(kind: MetricType, num: number, str: string): unknown {
  switch (kind) {
    case 'number':
      return num
    case 'boolean':
      return num === 1
    case 'string':
      return str
    case 'array':
    case 'object':
      return JSON.parse(str)
    default:
      return kind satisfies never
  }
}
