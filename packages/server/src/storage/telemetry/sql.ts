import { type MetricType, metricTypes } from '@nexus/contract'
import type { Cutoff, DeviceHour, DirtySet, Micros, Selection, TagCondition } from '../../telemetry/ports.ts'
import { scaleMax } from './decimal.ts'

/**
 * A string literal. Bound parameters would be the usual way, but asynchronous parameterised queries run one at a time
 * in the whole process; every text from outside passes here instead.
 */
export function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('\0', '\\0')}'`
}

export function list(texts: readonly string[]): string {
  return texts.map(quote).join(', ')
}

export function at(micros: Micros): string {
  return `fromUnixTimestamp64Micro(toInt64(${micros}), 'UTC')`
}

export function inRange(column: string, from: Micros, to: Micros): string {
  return `${column} >= ${at(from)} AND ${column} < ${at(to)}`
}

/** The condition of a selection on `points` or a roll-up. */
export function selected({ devices, metrics, tags }: Selection): string {
  const conditions = [metrics.length === 1 ? `metric = ${quote(metrics[0]!)}` : `metric IN (${list(metrics)})`]
  if (devices) conditions.push(devices.length === 1 ? `device = ${quote(devices[0]!)}` : `device IN (${list(devices)})`)
  if (tags) conditions.push(`tag_set IN (SELECT id FROM tag_sets WHERE ${tags.map(tagCondition).join(' AND ')})`)
  return conditions.join(' AND ')
}

function tagCondition({ key, negated, patterns }: TagCondition): string {
  const value = `tags[${quote(key)}]`
  const any = patterns.map((pattern) => {
    switch (pattern.kind) {
      case 'exists':
        return '1'
      case 'equals':
        return `${value} = ${quote(pattern.value)}`
      case 'prefix':
        return `startsWith(${value}, ${quote(pattern.value)})`
      default:
        return pattern.kind satisfies never
    }
  })
  return `${negated ? 'NOT ' : ''}(mapContains(tags, ${quote(key)}) AND (${any.join(' OR ')}))`
}

/** The hour of the epoch that a column lies in. */
export function hourOf(column: string): string {
  return `intDiv(toUnixTimestamp(${column}), 3600)`
}

/** The condition that a row lies in one of these hours. */
export function inDirty(set: DirtySet, column: string): string {
  if ('hours' in set) return set.hours.length === 0 ? '0' : `${hourOf(column)} IN (${set.hours.join(', ')})`
  return inHours(set.pairs, column)
}

/** Pairs are written by hour, for an hour has many devices. */
export function inHours(pairs: readonly DeviceHour[], column: string): string {
  if (pairs.length === 0) return '0'
  const devices = [...new Set(pairs.map((pair) => pair.device))]
  const hours = pairs.map((pair) => pair.hour)
  const [from, to] = [Math.min(...hours), Math.max(...hours) + 1].map((hour) => hour * 3_600_000_000) as [
    Micros,
    Micros,
  ]
  return `${inRange(column, from, to)} AND device IN (${list(devices)}) AND (device, ${hourOf(column)}) IN (${pairs
    .map((pair) => `(${quote(pair.device)}, ${pair.hour})`)
    .join(', ')})`
}

/** The condition that a row is past its retention. */
export function isPast(cutoffs: readonly Cutoff[], column: string): string {
  if (cutoffs.length === 0) return '0'
  return cutoffs
    .map(({ metrics, before }) => `(metric IN (${list(metrics)}) AND ${column} < ${at(before)})`)
    .join(' OR ')
}

/** The type of a store's number, as the contract names it: they count from one in its order, as `RollUpColumns` says. */
export const kindNames: readonly MetricType[] = ['number', ...metricTypes]

const powers = `[${Array.from({ length: scaleMax + 1 }, (_, scale) => `1e${scale}`).join(', ')}]`

/** Ten to the power of a scale that is not negative; from a table, for every power in it is exact. */
export function powerOf(scale: string): string {
  return `arrayElement(${powers}, ${scale} + 1)`
}
