import type { TelemetryStore } from '../../telemetry/ports.ts'
import type { ClickHouse } from './clickhouse.ts'
import { at, inRange, list, quote } from './sql.ts'

/** Deletion for good: parts are rewritten before the call returns. */
export function removalsOf(clickhouse: ClickHouse): Pick<TelemetryStore, 'delete' | 'hoursOf' | 'expire'> {
  const remove = (table: string, where: string) =>
    clickhouse.command(`ALTER TABLE ${table} DELETE WHERE ${where} SETTINGS mutations_sync = 2`)

  return {
    async delete({ device, metrics, start, end }) {
      const ofDevice = `device = ${quote(device)}${metrics ? ` AND metric IN (${list(metrics)})` : ''}`
      const where = `${ofDevice} AND ${inRange('ts', start, end)}`
      const [[count] = [0]] = await clickhouse.rows<[number]>(`SELECT count() FROM points FINAL WHERE ${where}`)
      if (count === 0) return 0
      await remove('points', where)
      await remove('series', ofDevice)
      await clickhouse.command(
        `INSERT INTO series SELECT metric, device, kind, min(ts), max(ts) FROM points FINAL WHERE ${ofDevice} GROUP BY metric, device, kind`,
      )
      return count
    },
    async hoursOf({ device, start, end }) {
      const rows = await clickhouse.rows<[number]>(
        `SELECT DISTINCT intDiv(toUnixTimestamp(ts), 3600) FROM points WHERE device = ${quote(device)} AND ${inRange('ts', start, end)}`,
      )
      return rows.map(([hour]) => hour)
    },
    async expire(metrics, before) {
      const where = `metric IN (${list(metrics)}) AND`
      await remove('points', `${where} ts < ${at(before)}`)
      await remove('rollup_1m', `${where} t < ${at(before)}`)
      await remove('rollup_1h', `${where} t < ${at(before)}`)
      await remove('series', `${where} last_at < ${at(before)}`)
    },
  }
}
