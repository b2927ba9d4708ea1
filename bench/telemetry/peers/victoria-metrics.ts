import { execFileSync } from 'node:child_process'
import { metrics } from '../generator.ts'
import { pointKey, type Query } from '../queries.ts'
import type { Peer } from './peer.ts'
import { startedConnection } from './started-connection.ts'

/** VictoriaMetrics, single node, as it comes, with unbounded retention because the history has fixed dates. */
export const victoriaMetrics: Peer = {
  name: 'victoria-metrics',
  durability: 'none: what it acknowledged within the last second or so is lost with the process',
  format: 'line',
  version: () => execFileSync('dpkg-query', ['--show', 'victoria-metrics'], { encoding: 'utf8' }).trim(),
  launch: (dataDir, port) => ({
    command: 'victoria-metrics',
    args: [
      `-storageDataPath=${dataDir}`,
      `-httpListenAddr=127.0.0.1:${port}`,
      '-retentionPeriod=100y',
      // Two minutes are its default: shorter than the queries of a full run take over one connection.
      '-http.connTimeout=1h',
      '-http.idleConnTimeout=1h',
    ],
  }),
  readyPath: '/health',
  prepare: async () => ({}),
  write: { one: '/write', many: '/write', oneType: 'text/plain', manyType: 'text/plain', status: 204 },
  async isDrained(server) {
    await startedConnection(server, (http) => http.request('GET', '/internal/force_flush', {}))
    return true
  },
  countPath: (metric, fromMs, toMs) =>
    instant(`sum(count_over_time(host_${metric}[${(toMs - fromMs) / 1000}s]))`, toMs - 1),
  readCount: (body) => Number((body as Answer).data.result[0]?.value?.[1] ?? 0),
  queryPath(query) {
    // The cheapest form that is right here: it looks back five minutes, and every host reported within the last ten seconds.
    if (query.intervalMs === 0) return instant(selectorOf(query), query.toMs - 1)
    const seconds = query.intervalMs / 1000
    const rolled = `${query.aggregation}_over_time(${selectorOf(query)}[${seconds}s])`
    const text = query.byHost ? rolled : `avg(${rolled})`
    // A point at t covers (t - interval, t]: ask a millisecond before the end of each bucket.
    const start = (query.fromMs + query.intervalMs - 1) / 1000
    const end = (query.toMs - 1) / 1000
    return `/api/v1/query_range?nocache=1&start=${start}&end=${end}&step=${seconds}s&query=${encodeURIComponent(text)}`
  },
  readPoints(query, body) {
    const points = (body as Answer).data.result.flatMap(({ metric, value, values }) =>
      (values ?? [value!]).map(([atSeconds, text]) => {
        const name = metric.__name__?.replace(/^host_/, '') ?? query.metrics[0]!
        const atMs = query.intervalMs === 0 ? 0 : Math.round(atSeconds * 1000) + 1 - query.intervalMs
        return [pointKey(query.byHost ? metric.device_id! : '*', name, atMs), Number(text)] as const
      }),
    )
    return new Map(points)
  },
}

interface Answer {
  data: { result: { metric: Record<string, string>; value?: [number, string]; values?: [number, string][] }[] }
}

function selectorOf(query: Query): string {
  const isAll = query.metrics.length === metrics.length
  const names = isAll ? 'host_.+' : query.metrics.map((metric) => `host_${metric}`).join('|')
  const filters = [
    query.metrics.length === 1 ? `__name__="${names}"` : `__name__=~"${names}"`,
    ...(query.hosts ? [anyOf('device_id', query.hosts)] : []),
    ...(query.region ? [`region="${query.region}"`] : []),
  ]
  return `{${filters.join(',')}}`
}

function anyOf(label: string, values: readonly string[]): string {
  return values.length === 1 ? `${label}="${values[0]}"` : `${label}=~"${values.join('|')}"`
}

function instant(text: string, atMs: number): string {
  return `/api/v1/query?nocache=1&time=${atMs / 1000}&query=${encodeURIComponent(text)}`
}
