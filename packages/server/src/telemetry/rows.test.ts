import { deepEqual, equal, ok } from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { startTestNexus } from '../testing/nexus.ts'
import { columnName } from './rows.ts'

const start = 1_762_134_000
const range = { start_time: start, end_time: start + 60 }

test('columns of metrics are told from each other and from those of the row, and most are the metric itself', () => {
  const part = fc.constantFrom('metrics', 'timestamp', 'device_id', 'tag', 'tag.', 'metrics.', 'tags', 'a', '__proto__')
  const name = fc.array(part, { minLength: 1, maxLength: 5 }).map((parts) => parts.join('.'))
  fc.assert(
    fc.property(name, name, (one, two) => {
      equal(columnName(one) === columnName(two), one === two)
      ok(!/^(timestamp$|device_id$|__proto__$|tag\.)/.test(columnName(one)))
    }),
    { numRuns: 5000 },
  )
  for (const plain of [
    'cpu',
    'metrics',
    'metrics.cpu',
    'tag',
    'tags.a',
    'device_id.x',
    'metrics.timestamp.x',
    'constructor',
  ])
    equal(columnName(plain), plain)
})

const columns = {
  timestamp: 'metrics.timestamp',
  device_id: 'metrics.device_id',
  'metrics.timestamp': 'metrics.metrics.timestamp',
  'metrics.device_id': 'metrics.metrics.device_id',
  'metrics.metrics.device_id': 'metrics.metrics.metrics.device_id',
  'metrics.cpu': 'metrics.cpu',
  'tag.site': 'metrics.tag.site',
  'metrics.tag.site': 'metrics.metrics.tag.site',
  'metrics.__proto__': 'metrics.metrics.__proto__',
  constructor: 'constructor',
  toString: 'toString',
  hasOwnProperty: 'hasOwnProperty',
  'a.__proto__': 'a.__proto__',
}
const names = Object.keys(columns)
const values = Object.fromEntries(names.map((name, n) => [columns[name as keyof typeof columns], n]))

/** One frame has all of the metrics; the next has one, so that rows of raw points differ in their columns. */
async function startWithColumns(t: TestContext) {
  const nexus = await startTestNexus(t)
  const tags = { site: 'north' }
  const metrics = Object.fromEntries(names.map((name, n) => [name, n]))
  await nexus.client.telemetry.frames.batch({
    frames: [
      { device_id: 'd', timestamp: start, metrics, tags },
      { device_id: 'd', timestamp: start + 1, metrics: { text: '' }, tags },
    ],
  })
  const rowsAs = async (accept: string, query = '') => {
    const path = `/v1/telemetry/query?start_time=${start}&end_time=${start + 60}${query}`
    return (await nexus.request(path, { headers: { accept } })).text()
  }
  return { nexus, rowsAs }
}

test('whatever a metric is named, its value stands in its own column, of raw points and of groups', async (t) => {
  const { nexus } = await startWithColumns(t)
  const raw = await nexus.client.telemetry.query(range)
  deepEqual(raw.data, [
    { timestamp: '2025-11-03T01:40:00Z', device_id: 'd', ...values },
    { timestamp: '2025-11-03T01:40:01Z', device_id: 'd', text: '' },
  ])
  const grouping = { aggregation: 'last' as const, group_by: 'device_id,tag.site' }
  const grouped = await nexus.client.telemetry.query({ ...range, ...grouping, metrics: names })
  const row = { timestamp: '2025-11-03T01:40:00Z', device_id: 'd', 'tag.site': 'north', ...values }
  deepEqual(grouped.data, [row])
})

test('CSV and NDJSON have the columns of JSON; in CSV nothing is null, and an empty text is a pair of quotes', async (t) => {
  const { rowsAs } = await startWithColumns(t)
  const [all, text] = (await rowsAs('application/x-ndjson'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  deepEqual(
    [all, text],
    [
      { timestamp: '2025-11-03T01:40:00Z', device_id: 'd', ...values },
      { timestamp: '2025-11-03T01:40:01Z', device_id: 'd', text: '' },
    ],
  )
  const [head, first, second] = (await rowsAs('text/csv')).split('\r\n').map((line) => line.split(','))
  const cells = (line: string[]) => Object.fromEntries(head!.map((column, i) => [column, line[i]]))
  const empty = Object.fromEntries(Object.keys(values).map((column) => [column, '']))
  const written = Object.fromEntries(Object.entries(values).map(([column, n]) => [column, String(n)]))
  deepEqual(cells(first!), { timestamp: '2025-11-03T01:40:00Z', device_id: 'd', ...written, text: '' })
  deepEqual(cells(second!), { timestamp: '2025-11-03T01:40:01Z', device_id: 'd', ...empty, text: '""' })
})

test('no object is ever given a field __proto__: no metric can have the name, and who asks for it gets another column', async (t) => {
  const { nexus } = await startWithColumns(t)
  for (const query of [{}, { aggregation: 'last' as const, group_by: 'tag.__proto__' }]) {
    const { data, warnings } = await nexus.client.telemetry.query({
      ...range,
      ...query,
      metrics: ['text', '__proto__'],
    })
    equal(data[0]?.['metrics.__proto__'], null)
    ok(data.every((row) => !Object.hasOwn(row, '__proto__')))
    deepEqual(
      warnings?.map(({ reason }) => reason),
      ['unknown_metric'],
    )
  }
})
