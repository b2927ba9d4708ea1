import type { Deletion, TelemetryStore } from '../../telemetry/ports.ts'
import type { ClickHouse } from './clickhouse.ts'
import { at, hourOf, inRange, list, quote } from './sql.ts'

/** Deletion for good: parts are rewritten before the call returns. */
export function removalsOf(clickhouse: ClickHouse): Pick<TelemetryStore, 'countOf' | 'delete' | 'hoursOf'> {
  const remove = (table: string, where: string) =>
    clickhouse.command(`ALTER TABLE ${table} DELETE WHERE ${where} SETTINGS mutations_sync = 2`)

  return {
    async countOf(deletion) {
      const [[count] = [0]] = await clickhouse.rows<[number]>(
        `SELECT count() FROM points FINAL WHERE ${meant(deletion)}`,
      )
      return count
    },
    async delete(deletion) {
      await remove('points', meant(deletion))
      await remove('series', ofSeries(deletion))
      await clickhouse.command(
        `INSERT INTO series SELECT metric, device, kind, min(ts), max(ts) FROM points FINAL WHERE ${ofSeries(deletion)} GROUP BY metric, device, kind`,
      )
    },
    async hoursOf({ device, start, end }) {
      const points = `device = ${quote(device)} AND ${inRange('ts', start, end)}`
      const rolled = `device = ${quote(device)} AND t >= toStartOfHour(${at(start)}) AND t < ${at(end)}`
      const rows = await clickhouse.rows<[number]>(
        `SELECT DISTINCT hour FROM (SELECT ${hourOf('ts')} AS hour FROM points WHERE ${points}
         UNION ALL SELECT ${hourOf('t')} AS hour FROM rollup_1h WHERE ${rolled})`,
      )
      return rows.map(([hour]) => hour)
    },
  }
}

function ofSeries({ device, metrics }: Deletion): string {
  return `device = ${quote(device)}${metrics ? ` AND metric IN (${list(metrics)})` : ''}`
}

function meant(deletion: Deletion): string {
  return `${ofSeries(deletion)} AND ${inRange('ts', deletion.start, deletion.end)} AND version <= ${deletion.version}`
}
