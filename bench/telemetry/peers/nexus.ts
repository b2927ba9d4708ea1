import { join } from 'node:path'
import { adminHeaders, nexusEnv, nexusVersion, root } from '../../harness/nexus-source.ts'
import { metrics } from '../generator.ts'
import { type Points, pointKey, type Query } from '../queries.ts'
import type { Peer, Server } from './peer.ts'
import { startedConnection } from './started-connection.ts'

/** Nexus on its embedded engines, with its rate limits off. */
export const nexus: Peer = {
  name: 'nexus',
  durability: 'fsync of its ingest log before the answer',
  format: 'json',
  version: nexusVersion,
  launch: (dataDir, port) => ({
    command: process.execPath,
    args: [join(root, 'packages/cli/src/main.ts'), 'start'],
    env: nexusEnv(dataDir, port),
  }),
  readyPath: '/readyz',
  prepare: async (dataDir) => adminHeaders(dataDir),
  write: {
    one: '/v1/telemetry/frames',
    many: '/v1/telemetry/frames/batch',
    oneType: 'application/json',
    manyType: 'application/x-ndjson',
    status: 201,
  },
  isDrained: async (server) => (await gauges(server)).get('nexus_ingest_log_frames') === 0,
  async isAtRest(server) {
    const read = await gauges(server)
    return read.get('nexus_rollup_dirty_hours') === 0 && read.get('nexus_rollup_memory_complete') === 1
  },
  countPath: (metric, fromMs, toMs) => asked({ metrics: metric, ...range(fromMs, toMs), aggregation: 'count' }),
  readCount: (body) => Number(Object.values(withoutTime((body as Answer).data[0])).at(-1) ?? 0),
  queryPath(query) {
    if (query.intervalMs === 0) return '/v1/telemetry/latest?limit=1000'
    return asked({
      ...range(query.fromMs, query.toMs),
      ...(query.hosts && { device_id: query.hosts.join(',') }),
      ...(query.metrics.length < metrics.length && { metrics: query.metrics.join(',') }),
      ...(query.region && { tags: `region:${query.region}` }),
      aggregation: query.aggregation,
      interval: `${query.intervalMs / 60_000}m`,
      ...(query.byHost && query.hosts?.length !== 1 && { group_by: 'device_id' }),
    })
  },
  readPoints: (query, body) => (query.intervalMs === 0 ? lastPoints(body as Latest) : rowPoints(query, body as Answer)),
}

async function gauges(server: Server): Promise<Map<string, number>> {
  const answer = await startedConnection(server, (http) => http.request('GET', '/metrics', server.headers))
  const lines = answer.body.toString().matchAll(/^(nexus_\w+) (\S+)$/gm)
  return new Map([...lines].map(([, name, value]) => [name!, Number(value)]))
}

interface Answer {
  data: Record<string, unknown>[]
}

interface Latest {
  devices: { device_id: string; metrics: Record<string, { value: number }> }[]
}

function lastPoints({ devices }: Latest): Points {
  const points = devices.flatMap((device) =>
    Object.entries(device.metrics).map(([name, last]) => [pointKey(device.device_id, name, 0), last.value] as const),
  )
  return new Map(points)
}

function rowPoints(query: Query, { data }: Answer): Points {
  const points = data.flatMap((row) => {
    const host = query.byHost ? String(row.device_id ?? query.hosts![0]) : '*'
    const atMs = Date.parse(String(row.timestamp))
    return query.metrics.map((name) => [pointKey(host, name, atMs), row[name]] as const)
  })
  return new Map(points.filter((point): point is [string, number] => typeof point[1] === 'number'))
}

function withoutTime(row: Record<string, unknown> = {}): Record<string, unknown> {
  const { timestamp: _, ...rest } = row
  return rest
}

const range = (fromMs: number, toMs: number) => ({
  start_time: new Date(fromMs).toISOString(),
  end_time: new Date(toMs).toISOString(),
})

const asked = (fields: Record<string, string>) => `/v1/telemetry/query?${new URLSearchParams(fields)}`
