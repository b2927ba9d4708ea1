import type { DeviceHour } from '../../telemetry/ports.ts'
import type { ClickHouse } from './clickhouse.ts'
import { inHours } from './sql.ts'

const columns =
  'metric, device, t, kind, tag_set, count, sum, min, max, first, first_at, last, last_at, version, deleted'
const kept = 'count, sum, min, max, first, first_at, last, last_at'

/**
 * Makes the roll-ups of these hours anew. A row is never incremented: the new one replaces the old by its version, and
 * what is no longer there (a deleted point, a changed type or tag) is buried by a tombstone of the version between. The
 * planner doesn't read these hours from roll-ups until the caller has cleared them.
 */
export async function rollUp(clickhouse: ClickHouse, hours: readonly DeviceHour[], version: number): Promise<void> {
  await clickhouse.command(
    insert(
      'rollup_1m',
      hours,
      version,
      `SELECT metric, device, toStartOfMinute(ts) AS minute, kind, tag_set, count(), sum(num), min(num), max(num),
         argMin(num, ts), min(ts), argMax(num, ts), max(ts), ${version + 1}, 0
       FROM points FINAL WHERE ${inHours(hours, 'ts')} GROUP BY metric, device, minute, kind, tag_set`,
    ),
  )
  await clickhouse.command(
    insert(
      'rollup_1h',
      hours,
      version,
      `SELECT metric, device, toStartOfHour(t) AS hour, kind, tag_set, sum(m.count), sum(m.sum), min(m.min), max(m.max),
         argMin(m.first, m.first_at), min(m.first_at), argMax(m.last, m.last_at), max(m.last_at), ${version + 1}, 0
       FROM rollup_1m AS m FINAL WHERE ${inHours(hours, 't')} GROUP BY metric, device, hour, kind, tag_set`,
    ),
  )
}

function insert(table: string, hours: readonly DeviceHour[], version: number, select: string): string {
  return `INSERT INTO ${table} (${columns})
    SELECT metric, device, t, kind, tag_set, ${kept}, ${version}, 1 FROM ${table} FINAL WHERE ${inHours(hours, 't')}
    UNION ALL ${select}`
}
