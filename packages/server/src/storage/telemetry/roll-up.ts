import type { DeviceHour } from '../../telemetry/ports.ts'
import type { ClickHouse } from './clickhouse.ts'
import { scaleMax } from './decimal.ts'
import { inHours, powerOf } from './sql.ts'

const readings = ['min', 'max', 'first', 'last'].map((name) => `${name}_mantissa`)
const kept = `count, sum, sum_mantissa, sum_scale, scale, ${readings.join(', ')}, first_at, last_at`

/**
 * Makes the roll-ups of these hours anew. A row is never incremented: the new one replaces the old by its version, and
 * what is no longer there (a deleted point, a changed type or tag) is buried by a tombstone of the version between. The
 * planner doesn't read these hours from roll-ups until the caller has cleared them.
 */
export async function rollUp(clickhouse: ClickHouse, hours: readonly DeviceHour[], version: number): Promise<void> {
  const points = `SELECT metric, device, toStartOfMinute(ts) AS slot, kind, tag_set, count() AS n, ${sumOf('num', 'mantissa', 'scale')},
      max(scale) AS s, min(num) AS a, max(num) AS b, argMin(num, ts) AS c, argMax(num, ts) AS d, min(ts) AS since, max(ts) AS until
    FROM points FINAL WHERE ${inHours(hours, 'ts')} GROUP BY metric, device, slot, kind, tag_set`
  const minutes = `SELECT metric, device, toStartOfHour(t) AS slot, kind, tag_set, sum(m.count) AS n,
      ${sumOf('m.total', 'm.sum_mantissa', 'm.sum_scale')}, max(m.scale) AS s, min(m.min) AS a, max(m.max) AS b, argMin(m.first, m.first_at) AS c, argMax(m.last, m.last_at) AS d,
      min(m.first_at) AS since, max(m.last_at) AS until
    FROM rollup_1m AS m FINAL WHERE ${inHours(hours, 't')} GROUP BY metric, device, slot, kind, tag_set`
  await clickhouse.command(insert('rollup_1m', hours, version, points))
  await clickhouse.command(insert('rollup_1h', hours, version, minutes))
}

function insert(table: string, hours: readonly DeviceHour[], version: number, rows: string): string {
  return `INSERT INTO ${table} (metric, device, t, kind, tag_set, ${kept}, version, deleted)
    SELECT metric, device, t, kind, tag_set, ${kept}, ${version}, 1 FROM ${table} FINAL WHERE ${inHours(hours, 't')}
    UNION ALL ${asDecimals(rows, version + 1)}`
}

/** A sum as a double, and exactly, in units of the smallest scale that there is; 128 bits hold any number of readings. */
function sumOf(num: string, mantissa: string, scale: string): string {
  const units = `toInt128(${mantissa}) * toInt128(${powerOf(`${scaleMax} - greatest(${scale}, 0)`)})`
  return `sum(${num}) AS total, sum(${units}) AS units, min(${scale}) AS sum_lowest, max(${scale}) AS sum_s`
}

/**
 * Brings the four readings of a row to the largest scale among its points, and the sum likewise; to bits where one of
 * them doesn't fit there.
 */
function asDecimals(rows: string, version: number): string {
  const power = powerOf('greatest(s, 0)')
  const fits = (column: string) =>
    `abs(${column}) * ${power} < 9e15 AND round(${column} * ${power}) / ${power} = ${column}`
  const mantissa = (column: string) =>
    `if(fit, toInt64(round(if(fit, ${column}, 0) * ${power})), reinterpretAsInt64(${column}))`
  const scaled = `intDiv(units, toInt128(${powerOf(`${scaleMax} - greatest(sum_s, 0)`)}))`
  return `SELECT metric, device, slot, kind, tag_set, n, 0, if(sum_fit, toInt64(scaled), reinterpretAsInt64(total)), if(sum_fit, sum_s, toInt8(-1)),
      if(fit, s, toInt8(-1)), ${['a', 'b', 'c', 'd'].map(mantissa).join(', ')}, since, until, ${version}, 0
    FROM (SELECT *, s >= 0 AND ${['a', 'b', 'c', 'd'].map(fits).join(' AND ')} AS fit,
      ${scaled} AS scaled, sum_lowest >= 0 AND abs(scaled) < 9e15 AS sum_fit FROM (${rows}))`
}
