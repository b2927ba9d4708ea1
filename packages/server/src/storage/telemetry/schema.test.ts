import { deepEqual, rejects } from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { testFolder } from '../../testing/nexus.ts'
import { openChdb } from './chdb.ts'
import type { ClickHouse } from './clickhouse.ts'
import { createFrameWriter } from './frame-writer.ts'
import { migrateTelemetry, migrations } from './schema.ts'

const next = [
  ...migrations,
  ['ALTER TABLE points ADD COLUMN colour String', 'CREATE TABLE more (a String) ENGINE = Memory'],
]

function open(t: TestContext): ClickHouse {
  const clickhouse = openChdb({
    path: testFolder(t),
    readers: 1,
    queryTimeoutMs: 30_000,
    queryMemoryBytes: 1 << 30,
    onQuery: () => {},
  })
  t.after(() => clickhouse.close())
  return clickhouse
}

const point = { metric: 'm', kind: 'number', num: 7, str: '' } as const
const { block } = createFrameWriter().write([
  [
    {
      deviceId: 'd',
      at: 1_762_134_000_000_000,
      points: [point],
      tags: undefined,
      metadata: undefined,
      frameId: undefined,
    },
  ],
])
const version = 65_536
const insert = (clickhouse: ClickHouse) =>
  clickhouse.insert('frames', [block], { token: 'one', constants: { version } })

test('a store of an older version is brought up, and keeps what it held', async (t) => {
  const clickhouse = open(t)
  await migrateTelemetry(clickhouse)
  await insert(clickhouse)
  await migrateTelemetry(clickhouse, next)
  deepEqual(await clickhouse.rows('SELECT device, num, colour FROM points'), [['d', 7, '']])
  deepEqual(await clickhouse.rows('SELECT max(version) FROM nexus_schema'), [[next.length]])
  await migrateTelemetry(clickhouse, next)
})

test('points and roll-ups of the first version are read as they were, and replaced by later ones', async (t) => {
  const clickhouse = open(t)
  await migrateTelemetry(clickhouse, migrations.slice(0, 1))
  await clickhouse.command(
    "INSERT INTO frames VALUES ('d', 1762134000000000, 0, 0, 1, ['m', 'n'], [71, 5], [1, 0], [], [])",
  )
  await clickhouse.command(
    "INSERT INTO rollup_1m (metric, device, t, kind, count, sum, scale, min_mantissa) VALUES ('m', 'd', 1762134000, 1, 2, 7.3, 1, 31)",
  )
  await migrateTelemetry(clickhouse)
  await insert(clickhouse)
  deepEqual(await clickhouse.rows('SELECT metric, num FROM points FINAL ORDER BY metric'), [
    ['m', 7],
    ['n', 5],
  ])
  deepEqual(await clickhouse.rows('SELECT total, min FROM rollup_1m FINAL'), [[7.3, 3.1]])
})

test('a store of a newer version is refused in clear words', async (t) => {
  const clickhouse = open(t)
  await migrateTelemetry(clickhouse, next)
  await rejects(migrateTelemetry(clickhouse), /The telemetry store was written by a newer version of Nexus/)
})

test('a first migration that a crash cut short is finished at the next start', async (t) => {
  const clickhouse = open(t)
  const [first] = migrations
  for (const length of [3, 7, first!.length]) {
    // What a crash leaves: the statements up to some point, and no version.
    await rejects(migrateTelemetry(clickhouse, [[...first!.slice(0, length), 'CRASH']]))
  }
  await migrateTelemetry(clickhouse)
  await insert(clickhouse)
  deepEqual(await clickhouse.rows('SELECT device, num FROM points'), [['d', 7]])
  deepEqual(await clickhouse.rows('SELECT id FROM tag_sets FINAL'), [[0]])
})
