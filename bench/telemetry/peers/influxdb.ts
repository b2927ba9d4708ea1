import { execFileSync } from 'node:child_process'
import { pointKey, type Query } from '../queries.ts'
import type { Peer } from './peer.ts'

/**
 * InfluxDB 1.x as it comes, with fsync on every write (`wal-fsync-delay = "0s"`, its default). Only its idle times are
 * shortened, so that it writes out its cache and compacts soon after the load rather than hours later.
 */
export const influxdb: Peer = {
  name: 'influxdb',
  durability: 'fsync of its WAL before the answer',
  format: 'line',
  version: () => execFileSync('influxd', ['version'], { encoding: 'utf8' }).trim(),
  launch: (dataDir, port) => ({
    command: 'influxd',
    args: ['run'],
    env: {
      INFLUXDB_REPORTING_DISABLED: 'true',
      INFLUXDB_BIND_ADDRESS: '127.0.0.1:0',
      INFLUXDB_HTTP_BIND_ADDRESS: `127.0.0.1:${port}`,
      INFLUXDB_HTTP_LOG_ENABLED: 'false',
      INFLUXDB_HTTP_FLUX_ENABLED: 'false',
      INFLUXDB_MONITOR_STORE_ENABLED: 'false',
      INFLUXDB_META_DIR: `${dataDir}/meta`,
      INFLUXDB_DATA_DIR: `${dataDir}/data`,
      INFLUXDB_DATA_WAL_DIR: `${dataDir}/wal`,
      INFLUXDB_DATA_WAL_FSYNC_DELAY: '0s',
      INFLUXDB_DATA_QUERY_LOG_ENABLED: 'false',
      INFLUXDB_DATA_CACHE_SNAPSHOT_WRITE_COLD_DURATION: '10s',
      INFLUXDB_DATA_COMPACT_FULL_WRITE_COLD_DURATION: '10s',
    },
  }),
  readyPath: '/ping',
  async prepare(_, port) {
    await fetch(`http://127.0.0.1:${port}/query?q=CREATE%20DATABASE%20bench`, { method: 'POST' })
    return {}
  },
  write: {
    one: '/write?db=bench',
    many: '/write?db=bench',
    oneType: 'text/plain',
    manyType: 'text/plain',
    status: 204,
  },
  isDrained: async () => true,
  countPath: (metric, fromMs, toMs) => asked(`SELECT count("${metric}") FROM host WHERE ${range(fromMs, toMs)}`),
  readCount: (body) => (body as Answer).results[0]?.series?.[0]?.values[0]?.[1] ?? 0,
  queryPath: (query) => asked(textOf(query)),
  readPoints(query, body) {
    const series = (body as Answer).results[0]?.series ?? []
    const points = series.flatMap(({ tags, columns, values }) =>
      values.flatMap(([atMs, ...row]) =>
        row.map((value, index) => {
          const host = query.byHost ? (tags?.device_id ?? query.hosts![0]!) : '*'
          const metric = columns[index + 1]!.replace(/^(mean|max)_/, '')
          return [pointKey(host, metric, query.intervalMs === 0 ? 0 : atMs!), value] as const
        }),
      ),
    )
    return new Map(points.filter((point): point is [string, number] => point[1] !== null))
  },
}

interface Answer {
  results: {
    series?: { tags?: Record<string, string>; columns: string[]; values: [number, ...number[]][] }[]
  }[]
}

const functions = { avg: 'mean', max: 'max', last: '' } as const

function textOf(query: Query): string {
  if (query.intervalMs === 0) return lastText(query)
  const call = functions[query.aggregation]
  const selected = query.metrics.map((metric) => `${call}("${metric}") AS ${call}_${metric}`).join(', ')
  const hosts = query.hosts?.map((host) => `device_id = '${host}'`).join(' OR ')
  const filters = [
    range(query.fromMs, query.toMs),
    ...(hosts ? [`(${hosts})`] : []),
    ...(query.region ? [`region = '${query.region}'`] : []),
  ]
  const groups = [`time(${query.intervalMs / 1000}s)`, ...(query.byHost ? ['device_id'] : [])]
  return `SELECT ${selected} FROM host WHERE ${filters.join(' AND ')} GROUP BY ${groups.join(', ')}`
}

/** Right because every line has all fields; it is a third faster than `last()` of each field. */
function lastText(query: Query): string {
  const fields = query.metrics.map((metric) => `"${metric}"`).join(', ')
  return `SELECT ${fields} FROM host GROUP BY device_id ORDER BY time DESC LIMIT 1`
}

const range = (fromMs: number, toMs: number) => `time >= ${fromMs}ms AND time < ${toMs}ms`
const asked = (text: string) => `/query?db=bench&epoch=ms&q=${encodeURIComponent(text)}`
