import type { Cutoff, PastPart, TelemetryStore } from '../../telemetry/ports.ts'
import type { ClickHouse } from './clickhouse.ts'
import { isPast, list, quote } from './sql.ts'

/**
 * Which column of a table tells whether a row is past. Points come first, and a series only goes once all of its points
 * were due: a metric that the catalogue has forgotten, and that no cutoff names any more, has none left.
 */
const tables: Readonly<Record<string, string>> = { points: 'ts', rollup_1m: 't', rollup_1h: 't', series: 'last_at' }
const dayMicros = 86_400_000_000

/** Deletes what is past its retention, a month of a table at a time. */
export function expiryOf(clickhouse: ClickHouse): Pick<TelemetryStore, 'pastParts' | 'expire'> {
  const holds = async (table: string, where: string): Promise<boolean> => {
    const rows = await clickhouse.rows(`SELECT 1 FROM ${table} WHERE ${where} LIMIT 1`)
    return rows.length > 0
  }

  return {
    async pastParts(cutoffs) {
      const due = dueOf(cutoffs)
      const latest = due.reduce((max, { before }) => Math.max(max, before), 0)
      const found: PastPart[] = []
      for (const { table, month } of await partsOf(clickhouse)) {
        if (month !== undefined && startOf(month) >= latest) continue
        const within = month === undefined ? '1' : inMonth(month)
        if (await holds(table, `${within} AND (${isPast(due, tables[table]!)})`)) found.push({ table, month })
      }
      return found
    },
    async expire(cutoffs, { table, month }) {
      if (month === undefined) return remove(clickhouse, table, '', isPast(dueOf(cutoffs), tables[table]!))
      const metrics = cutoffs.flatMap(({ metrics, before }) => (before >= endOf(month) ? metrics : []))
      const wholly =
        metrics.length > 0 && !(await holds(table, `${inMonth(month)} AND metric NOT IN (${list(metrics)})`))
      if (wholly) return clickhouse.command(`ALTER TABLE ${table} DROP PARTITION ID ${quote(month)}`)
      return remove(clickhouse, table, `IN PARTITION ID ${quote(month)}`, isPast(cutoffs, tables[table]!))
    },
  }
}

/** What is past by a whole day: or else each hour would rewrite a month for the sake of the one before. */
function dueOf(cutoffs: readonly Cutoff[]): Cutoff[] {
  return cutoffs.map(({ metrics, before }) => ({ metrics, before: before - dayMicros }))
}

/** From what the engine keeps in memory of its parts. */
async function partsOf(clickhouse: ClickHouse): Promise<PastPart[]> {
  const parts = await clickhouse.rows<[string, string]>(
    `SELECT DISTINCT table, partition_id FROM system.parts WHERE active AND database = currentDatabase() AND table IN (${list(Object.keys(tables))})`,
  )
  return Object.keys(tables).flatMap((table): PastPart[] => {
    if (table === 'series') return [{ table, month: undefined }]
    return parts.filter(([name]) => name === table).map(([, month]) => ({ table, month }))
  })
}

function remove(clickhouse: ClickHouse, table: string, where: string, condition: string): Promise<void> {
  return clickhouse.command(`ALTER TABLE ${table} DELETE ${where} WHERE ${condition} SETTINGS mutations_sync = 2`)
}

function inMonth(month: string): string {
  return `_partition_id = ${quote(month)}`
}

/** A month is written as `202511`. */
function startOf(month: string, monthsLater = 0): number {
  return Date.UTC(Number(month.slice(0, 4)), Number(month.slice(4)) - 1 + monthsLater) * 1000
}

function endOf(month: string): number {
  return startOf(month, 1)
}
