import type { ClickHouse } from './clickhouse.ts'
import { powerOf } from './sql.ts'

const key = 'LowCardinality(String)'
const instant = "DateTime64(6, 'UTC')"
// A drained batch leaves the ingest log only once its part is on the disk for good. Merged parts are synced too, so those
// that they replace need not stay for the default eight minutes.
const synced =
  'fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 30'

// Numbers are kept as decimals, see decimal.ts: whole numbers of one scale compress to half of what doubles do.
const mantissa = "Int64 CODEC(T64('bit'), ZSTD(1))"
const numberOf = (column: string) =>
  `Float64 ALIAS if(scale < 0, reinterpretAsFloat64(${column}), ${column} / ${powerOf('scale')})`

const rollUp = (name: string) => `CREATE TABLE ${name} (
  metric ${key}, device ${key}, t DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)), kind UInt8, tag_set UInt64 CODEC(ZSTD(1)),
  count UInt64 CODEC(T64, ZSTD(1)), sum Float64 CODEC(ZSTD(1)), scale Int8 CODEC(ZSTD(1)),
  ${['min', 'max', 'first', 'last'].map((name) => `${name}_mantissa ${mantissa}, ${name} ${numberOf(`${name}_mantissa`)}`).join(', ')},
  first_at ${instant} CODEC(DoubleDelta, ZSTD(1)), last_at ${instant} CODEC(DoubleDelta, ZSTD(1)),
  version UInt64 CODEC(DoubleDelta, ZSTD(1)), deleted UInt8 CODEC(ZSTD(1)))
  ENGINE = ReplacingMergeTree(version, deleted) PARTITION BY toYYYYMM(t)
  ORDER BY (metric, device, t, kind, tag_set) SETTINGS ${synced}`

const framesToPoints = `CREATE MATERIALIZED VIEW frames_to_points TO points AS
   SELECT metric, device, fromUnixTimestamp64Micro(ts, 'UTC') AS ts, kind, mantissa, scale, str, tag_set, metadata_set, version
   FROM frames ARRAY JOIN metric, mantissa, scale, arrayResize(kind, length(metric), 1) AS kind, arrayResize(str, length(metric)) AS str`
const framesToSeries = `CREATE MATERIALIZED VIEW frames_to_series TO series AS
   SELECT metric, device, kind, min(fromUnixTimestamp64Micro(ts, 'UTC')) AS first_at, max(fromUnixTimestamp64Micro(ts, 'UTC')) AS last_at
   FROM frames ARRAY JOIN metric, arrayResize(kind, length(metric), 1) AS kind GROUP BY metric, device, kind`

/**
 * Points are narrow: one row a reading, the newest version of (metric, device, ts) counts. Frames come in through
 * `frames`, which keeps nothing itself: its views spread each frame over `points`, and keep the catalogue `series`.
 */
const first = [
  `CREATE TABLE points (
     metric ${key}, device ${key}, ts ${instant} CODEC(DoubleDelta, ZSTD(1)), kind UInt8 CODEC(ZSTD(1)),
     mantissa ${mantissa}, scale Int8 CODEC(ZSTD(1)), num ${numberOf('mantissa')}, str String CODEC(ZSTD(1)),
     tag_set UInt64 CODEC(ZSTD(1)), metadata_set UInt64 CODEC(ZSTD(1)), version UInt64 CODEC(DoubleDelta, ZSTD(1)))
     ENGINE = ReplacingMergeTree(version) PARTITION BY toYYYYMM(ts) ORDER BY (metric, device, ts)
     SETTINGS non_replicated_deduplication_window = 1000, ${synced}`,
  `CREATE TABLE series (
     metric ${key}, device ${key}, kind UInt8,
     first_at SimpleAggregateFunction(min, ${instant}), last_at SimpleAggregateFunction(max, ${instant}))
     ENGINE = AggregatingMergeTree ORDER BY (metric, device, kind)
     SETTINGS non_replicated_deduplication_window = 1000, ${synced}`,
  `CREATE TABLE tag_sets (id UInt64, tags Map(String, String)) ENGINE = ReplacingMergeTree ORDER BY id SETTINGS ${synced}`,
  `CREATE TABLE metadata_sets (id UInt64, metadata String CODEC(ZSTD(1))) ENGINE = ReplacingMergeTree ORDER BY id SETTINGS ${synced}`,
  'INSERT INTO tag_sets VALUES (0, map())',
  "INSERT INTO metadata_sets VALUES (0, '{}')",
  rollUp('rollup_1m'),
  rollUp('rollup_1h'),
  `CREATE TABLE frames (
     device ${key}, ts Int64, tag_set UInt64, metadata_set UInt64, version UInt64,
     metric Array(${key}), mantissa Array(Int64), scale Array(Int8), kind Array(UInt8), str Array(String)) ENGINE = Null`,
  framesToPoints,
  framesToSeries,
]

// The difference to the point before is small, and bits that never change cost nothing: a quarter less than without it.
const delta = "Delta, T64('bit'), ZSTD(1)"
const mantissaColumns = ['min', 'max', 'first', 'last'].map((name) => `${name}_mantissa`)

/** Sums become decimals as well, exact ones; those of old rows stay doubles, as scale -1 says. */
const rollUpOfDecimals = (name: string) => [
  `ALTER TABLE ${name} ${mantissaColumns.map((column) => `MODIFY COLUMN ${column} Int64 CODEC(${delta})`).join(', ')},
     ADD COLUMN IF NOT EXISTS sum_mantissa Int64 DEFAULT reinterpretAsInt64(sum) CODEC(${delta}),
     ADD COLUMN IF NOT EXISTS sum_scale Int8 DEFAULT -1 CODEC(ZSTD(1)),
     ADD COLUMN IF NOT EXISTS total Float64 ALIAS if(sum_scale < 0, reinterpretAsFloat64(sum_mantissa), sum_mantissa / ${powerOf('sum_scale')})`,
]

/** Frames come as columns, and their version with the batch; parts that merges replaced go within a minute. */
const second = [
  ...['points', 'series', 'rollup_1m', 'rollup_1h'].map(
    (name) => `ALTER TABLE ${name} MODIFY SETTING cleanup_delay_period = 10, max_cleanup_delay_period = 30`,
  ),
  `ALTER TABLE points MODIFY COLUMN mantissa Int64 CODEC(${delta}), MODIFY COLUMN version UInt64 CODEC(Delta, ZSTD(1))`,
  ...rollUpOfDecimals('rollup_1m'),
  ...rollUpOfDecimals('rollup_1h'),
  'DROP VIEW IF EXISTS frames_to_points',
  'DROP VIEW IF EXISTS frames_to_series',
  'DROP TABLE IF EXISTS frames',
  `CREATE TABLE frames (
     device ${key}, ts Int64, tag_set UInt64, metadata_set UInt64,
     metric Array(${key}), mantissa Array(Int64), scale Array(Int8), kind Array(UInt8), str Array(String), version UInt64) ENGINE = Null`,
  framesToPoints,
  framesToSeries,
]

/**
 * Most frames of a device have the same metrics: taken together before they are spread out, they cost the catalogue a third.
 */
const third = [
  'DROP VIEW IF EXISTS frames_to_series',
  `CREATE MATERIALIZED VIEW frames_to_series TO series AS
   SELECT metric, device, kind, min(since) AS first_at, max(until) AS last_at
   FROM (
     SELECT device, metric AS metrics, kind AS kinds,
       min(fromUnixTimestamp64Micro(ts, 'UTC')) AS since, max(fromUnixTimestamp64Micro(ts, 'UTC')) AS until
     FROM frames GROUP BY device, metrics, kinds)
   ARRAY JOIN metrics AS metric, arrayResize(kinds, length(metrics), 1) AS kind GROUP BY metric, device, kind`,
]

/**
 * While frames stream in, merges take a seventh of the processor: of wider steps fewer are needed, each point is written
 * again less often. Parts that are left for long, or become many, are merged all the same.
 */
const fourth = ['ALTER TABLE points MODIFY SETTING merge_selector_base = 12']

/** Each entry brings the store from the version of its index to the next. Entries are never changed, only added. */
export const migrations: readonly string[][] = [first, second, third, fourth]

/** Makes the tables, or brings those of an older version up; refuses those of a newer one. */
export async function migrateTelemetry(clickhouse: ClickHouse, steps: readonly string[][] = migrations): Promise<void> {
  await clickhouse.command(
    'CREATE TABLE IF NOT EXISTS nexus_schema (version UInt32) ENGINE = MergeTree ORDER BY version',
  )
  const [[version] = [0]] = await clickhouse.rows<[number]>('SELECT max(version) FROM nexus_schema')
  if (version > steps.length) {
    throw new Error(
      `The telemetry store was written by a newer version of Nexus (schema ${version}, this one knows ${steps.length}). Start that version, or a newer one.`,
    )
  }
  for (const [index, statements] of steps.entries()) {
    if (index < version) continue
    // A crash in the middle of a migration leaves tables behind: made anew, they are still empty or complete.
    for (const statement of statements) await clickhouse.command(repeatable(statement))
    await clickhouse.command(`INSERT INTO nexus_schema VALUES (${index + 1})`)
  }
}

function repeatable(statement: string): string {
  return statement.replace(/^CREATE (TABLE|MATERIALIZED VIEW) /, 'CREATE $1 IF NOT EXISTS ')
}
