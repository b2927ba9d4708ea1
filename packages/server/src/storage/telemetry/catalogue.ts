import type { TelemetryStore } from '../../telemetry/ports.ts'
import type { ClickHouse } from './clickhouse.ts'
import { kindNames, list, quote } from './sql.ts'

/** What is there to query: metrics and tags, by name, page by page. */
export function catalogueOf(
  clickhouse: ClickHouse,
): Pick<TelemetryStore, 'metrics' | 'tagSets' | 'tagKeys' | 'tagValues'> {
  return {
    async metrics({ devices, prefix, after, limit }) {
      const conditions = [`metric > ${quote(after ?? '')}`]
      if (devices) conditions.push(`device IN (${list(devices)})`)
      if (prefix) conditions.push(`startsWith(metric, ${quote(prefix)})`)
      const rows = await clickhouse.rows<[string, number[], number, number, number]>(
        `SELECT metric, arraySort(groupUniqArray(kind)), uniqExact(device), toUnixTimestamp64Micro(min(first_at)), toUnixTimestamp64Micro(max(last_at))
         FROM series WHERE ${conditions.join(' AND ')} GROUP BY metric ORDER BY metric LIMIT ${limit}`,
      )
      return rows.map(([name, kinds, devices, firstAt, lastAt]) => ({
        name,
        kinds: kinds.map((kind) => kindNames[kind]!),
        devices,
        firstAt,
        lastAt,
      }))
    },
    async tagSets(limit) {
      const rows = await clickhouse.rows<[string, Record<string, string>]>(
        `SELECT toString(id), tags FROM tag_sets LIMIT 1 BY id LIMIT ${limit}`,
      )
      return rows.map(([id, tags]) => ({ id, tags }))
    },
    async tagKeys({ after, limit }) {
      const rows = await clickhouse.rows<[string, number]>(
        `SELECT key, uniqExact(value) FROM tag_sets ARRAY JOIN mapKeys(tags) AS key, mapValues(tags) AS value
         WHERE key > ${quote(after ?? '')} GROUP BY key ORDER BY key LIMIT ${limit}`,
      )
      return rows.map(([key, values]) => ({ key, values }))
    },
    async tagValues({ key, after, limit }) {
      const rows = await clickhouse.rows<[string]>(
        `SELECT DISTINCT tags[${quote(key)}] AS value FROM tag_sets WHERE mapContains(tags, ${quote(key)})
         ${after === undefined ? '' : `AND value > ${quote(after)}`} ORDER BY value LIMIT ${limit}`,
      )
      return rows.map(([value]) => value)
    },
  }
}
