import { deepEqual, equal, match } from 'node:assert/strict'
import { test } from 'node:test'
import { metrics } from '../generator.ts'
import type { Query } from '../queries.ts'
import { influxdb } from './influxdb.ts'
import { nexus } from './nexus.ts'
import { victoriaMetrics } from './victoria-metrics.ts'

const fromMs = Date.parse('2025-10-06T00:00:00Z')
const hourMs = 3_600_000
const byHost: Query = {
  name: 'q3',
  metrics: ['cpu_usage'],
  fromMs,
  toMs: fromMs + hourMs,
  aggregation: 'avg',
  intervalMs: hourMs,
  byHost: true,
}
const latest: Query = { ...byHost, name: 'q4', metrics, aggregation: 'last', intervalMs: 0 }
const expected = new Map([[`host-001 cpu_usage ${fromMs}`, 42.5]])
const textOf = (path: string) => decodeURIComponent(path.replaceAll('+', ' '))

test('three ways to say the same answer are read as the same points', () => {
  const row = { timestamp: '2025-10-06T00:00:00Z', device_id: 'host-001', cpu_usage: 42.5 }
  const silent = { timestamp: '2025-10-06T00:00:00Z', device_id: 'host-002', cpu_usage: null }
  deepEqual(nexus.readPoints(byHost, { data: [row, silent] }), expected)

  const series = [
    { tags: { device_id: 'host-001' }, columns: ['time', 'mean_cpu_usage'], values: [[fromMs, 42.5]] },
    { tags: { device_id: 'host-002' }, columns: ['time', 'mean_cpu_usage'], values: [[fromMs, null]] },
  ]
  deepEqual(influxdb.readPoints(byHost, { results: [{ series }] }), expected)

  const metric = { __name__: 'host_cpu_usage', device_id: 'host-001' }
  const values = [[(fromMs + hourMs - 1) / 1000, '42.5']]
  deepEqual(victoriaMetrics.readPoints(byHost, { data: { result: [{ metric, values }] } }), expected)
})

test('the last points are read from a page of devices', () => {
  const devices = [{ device_id: 'host-001', metrics: { cpu_usage: { value: 42.5 } } }]
  deepEqual(nexus.readPoints(latest, { devices }), new Map([['host-001 cpu_usage 0', 42.5]]))
})

test('the questions are those of the specification and of the peers', () => {
  const path = textOf(nexus.queryPath({ ...byHost, hosts: ['host-001', 'host-002'] }))
  match(path, /^\/v1\/telemetry\/query\?start_time=2025-10-06T00:00:00.000Z&end_time=2025-10-06T01:00:00.000Z&/)
  match(path, /&device_id=host-001,host-002&metrics=cpu_usage&aggregation=avg&interval=60m&group_by=device_id$/)
  match(textOf(influxdb.queryPath(byHost)), /GROUP BY time\(3600s\), device_id$/)
  match(textOf(victoriaMetrics.queryPath(byHost)), /avg_over_time\(\{__name__="host_cpu_usage"\}\[3600s\]\)$/)
})

test('a count is found whatever its column is called', () => {
  equal(nexus.readCount({ data: [{ timestamp: '2025-10-06T00:00:00Z', cpu_usage: 360 }] }), 360)
  equal(nexus.readCount({ data: [] }), 0)
})
