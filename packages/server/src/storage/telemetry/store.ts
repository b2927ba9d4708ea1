import { mapInTurns } from '../../core/turns.ts'
import type {
  AggregatePlan,
  AggregateRow,
  DrainBatch,
  LatestRow,
  PartialRow,
  RawPlan,
  RawRow,
  RollUpColumns,
  TelemetryStore,
} from '../../telemetry/ports.ts'
import { aggregateSql, partialsSql, rollUpsSql } from './aggregate-sql.ts'
import { catalogueOf } from './catalogue.ts'
import type { ClickHouse } from './clickhouse.ts'
import { expiryOf } from './expiry.ts'
import { createFrameWriter } from './frame-writer.ts'
import { joinBlocks } from './join-blocks.ts'
import { removalsOf } from './removals.ts'
import { rollUp } from './roll-up.ts'
import { migrateTelemetry } from './schema.ts'
import { at, inRange, isPast, kindNames, list, quote, selected } from './sql.ts'

/** The telemetry store in ClickHouse's SQL, the same on chDB and on a server. */
export async function openTelemetryStore(clickhouse: ClickHouse): Promise<TelemetryStore> {
  await migrateTelemetry(clickhouse)
  return {
    frameWriter: createFrameWriter(),
    insertBatch: (batch) => insertBatch(clickhouse, batch),
    aggregate: (...asked) => aggregate(clickhouse, ...asked),
    partials: (...asked) => partials(clickhouse, ...asked),
    rollUps: (...of) => rollUps(clickhouse, ...of),
    raw: (...asked) => raw(clickhouse, ...asked),
    latest: (page) => latest(clickhouse, page),
    ...catalogueOf(clickhouse),
    ...removalsOf(clickhouse),
    ...expiryOf(clickhouse),
    rollUp: (hours, version) => rollUp(clickhouse, hours, version),
    close: () => clickhouse.close(),
  }
}

/**
 * Sets come before the frames that refer to them: a crash in between leaves nothing dangling. The engine notes a token
 * before the part of it is in place, and never looks again: after a kill in between, a repeat under that token would be
 * taken for done and be lost. So one that was begun goes without; its rows, of one key and version, count once.
 */
async function insertBatch(clickhouse: ClickHouse, batch: DrainBatch): Promise<void> {
  const { version, blocks, begun } = batch
  const token = (suffix: string) => (begun ? undefined : `${batch.token}${suffix}`)
  const insert = async (table: string, sets: Buffer[], suffix: string) => {
    const filled = sets.filter((block) => block.length > 0)
    if (filled.length > 0) await clickhouse.insert(table, filled, { token: token(suffix) })
  }
  await insert('tag_sets', batch.tagSets, '-tags')
  await insert('metadata_sets', batch.metadataSets, '-metadata')
  await clickhouse.insert('frames', await joinBlocks(blocks), { token: token(''), constants: { version } })
}

async function aggregate(clickhouse: ClickHouse, plan: AggregatePlan, signal: AbortSignal): Promise<AggregateRow[]> {
  type Row = [
    bucket: number,
    device: string,
    tags: (string | null)[],
    metric: string,
    kind: number,
    num: number,
    str: string,
  ]
  const rows = await clickhouse.rows<Row>(aggregateSql(plan), signal)
  return mapInTurns(rows, signal, ([bucket, device, tags, metric, kind, num, str]) => ({
    bucket,
    device: plan.byDevice ? device : undefined,
    tags,
    metric,
    kind: kindNames[kind]!,
    num,
    str,
  }))
}

async function partials(clickhouse: ClickHouse, plan: AggregatePlan, signal: AbortSignal): Promise<PartialRow[]> {
  type Row = [
    at: number,
    metric: string,
    device: string,
    tagSet: string,
    count: number,
    sum: number,
    min: number,
    max: number,
  ]
  const rows = await clickhouse.rows<Row>(partialsSql(plan), signal)
  return mapInTurns(rows, signal, ([at, metric, device, tagSet, count, sum, min, max]) => ({
    at,
    metric,
    device,
    tagSet,
    count,
    sum,
    min,
    max,
  }))
}

async function rollUps(clickhouse: ClickHouse, ...of: Parameters<TelemetryStore['rollUps']>): Promise<RollUpColumns[]> {
  type Row = [string, string, number[], number[], string[], number[], number[], number[], number[]]
  const rows = await clickhouse.rows<Row>(rollUpsSql(...of))
  return rows.map(([metric, device, slots, kinds, tagSets, counts, sums, mins, maxs]) => {
    return { metric, device, slots, kinds, tagSets, counts, sums, mins, maxs }
  })
}

/**
 * The points that a page can need at most are picked first, a heap of them at a time: to gather a whole range for the
 * sake of one page would take as much memory as the range has points.
 */
async function raw(clickhouse: ClickHouse, plan: RawPlan, signal: AbortSignal): Promise<RawRow[]> {
  const direction = plan.order === 'asc' ? 'ASC' : 'DESC'
  const after =
    plan.after &&
    `AND (ts, device) ${plan.order === 'asc' ? '>' : '<'} (${at(plan.after.at)}, ${quote(plan.after.device)})`
  const order = `ORDER BY ts ${direction}, device ${direction}`
  const rows = await clickhouse.rows<[number, string, [string, number, number, string][]]>(
    `SELECT toUnixTimestamp64Micro(ts), device, arraySort(groupArray((metric, kind, num, str)))
     FROM (SELECT ts, device, metric, kind, num, str FROM points FINAL
       WHERE ${selected(plan)} AND ${inRange('ts', plan.start, plan.end)} AND NOT (${isPast(plan.past, 'ts')}) ${after ?? ''}
       ${order} LIMIT ${plan.limit * plan.metrics.length})
     GROUP BY ts, device ${order} LIMIT ${plan.limit}`,
    signal,
  )
  return mapInTurns(
    rows,
    signal,
    ([ts, device, points]) => ({
      at: ts,
      device,
      points: points.map(([metric, kind, num, str]) => ({ metric, kind: kindNames[kind]!, num, str })),
    }),
    ([, , points]) => points.length,
  )
}

/** The catalogue tells when each metric was last seen, so only those points are looked up. */
async function latest(
  clickhouse: ClickHouse,
  { devices, after, limit }: { devices?: string[]; after?: string; limit: number },
): Promise<LatestRow[]> {
  type Row = [string, string, number, number, number, string, Record<string, string>, string, number]
  const named = devices ? `AND device IN (${list(devices)})` : ''
  const page = `SELECT device FROM series WHERE device > ${quote(after ?? '')} ${named} GROUP BY device ORDER BY device LIMIT ${limit}`
  const rows = await clickhouse.rows<Row>(
    `SELECT device, metric, kind, toUnixTimestamp64Micro(ts), num, str, s.tags, m.metadata, toUnixTimestamp64Micro(c.since)
     FROM (SELECT metric, device, ts, kind, num, str, tag_set, metadata_set FROM points FINAL WHERE (metric, device, ts) IN
       (SELECT metric, device, max(last_at) FROM series WHERE device IN (${page}) GROUP BY metric, device)) AS p
     ANY LEFT JOIN tag_sets AS s ON p.tag_set = s.id ANY LEFT JOIN metadata_sets AS m ON p.metadata_set = m.id
     ANY LEFT JOIN (SELECT device AS owner, min(first_at) AS since FROM series WHERE device IN (${page}) GROUP BY device) AS c ON p.device = c.owner
     ORDER BY device, metric`,
  )
  return rows.map(([device, metric, kind, ts, num, str, tags, metadata, since]) => ({
    since,
    device,
    metric,
    kind: kindNames[kind]!,
    at: ts,
    num,
    str,
    tags,
    metadata: metadata === '' ? '{}' : metadata,
  }))
}
