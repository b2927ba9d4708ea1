import type { QueryInput, QueryOutput } from '@nexus/contract'
import type { Ctx } from '../core/context.ts'
import { decodeCursor, page } from '../core/paging.ts'
import { mapInTurns } from '../core/turns.ts'
import { formatInstant } from './instant.ts'
import { toValue } from './point.ts'
import type { RawRow, TelemetryStore } from './ports.ts'
import type { Question } from './question.ts'
import type { RetentionRules } from './retention-rules.ts'
import { columnName } from './rows.ts'

/** The points as they came, but for those past their retention, one row for each instant of each device, page by page. */
export async function queryRaw(
  deps: { store: TelemetryStore; rules: RetentionRules },
  ctx: Ctx,
  input: QueryInput,
  question: Question,
  metrics: string[],
): Promise<QueryOutput> {
  const limit = input.limit ?? 1000
  const order = input.order ?? 'asc'
  const past = deps.rules.cutoffs(metrics, ctx.now() * 1000).filter(({ before }) => before > question.start)
  const plan = { ...question, metrics, order, past, after: readCursor(input.cursor), limit: limit + 1 }
  const rows = metrics.length === 0 ? [] : await deps.store.raw(plan, ctx.signal)
  const { rows: kept, next } = page(rows, limit, ({ at, device }) => [at, device])
  const data = await mapInTurns(
    kept,
    ctx.signal,
    (row) => toRow(row, question.metrics),
    ({ points }) => points.length,
  )
  return {
    query: { ...input, ...(question.metrics && { metrics }) },
    data,
    total_points: data.length,
    next_cursor: next,
  }
}

function readCursor(cursor: string | undefined) {
  if (cursor === undefined) return undefined
  const [at, device] = decodeCursor(cursor, ['number', 'string']) as [number, string]
  return { at: Math.trunc(at), device }
}

/** Metrics that were asked for are always there, as null where the instant has no reading. */
function toRow({ at, device, points }: RawRow, asked: readonly string[] | undefined): QueryOutput['data'][number] {
  const row: QueryOutput['data'][number] = { timestamp: formatInstant(at), device_id: device }
  for (const metric of asked ?? []) row[columnName(metric)] = null
  for (const { metric, kind, num, str } of points) row[columnName(metric)] = toValue(kind, num, str)
  return row
}
