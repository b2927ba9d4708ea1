import { type Aggregation, type QueryInput, type QueryOutput, telemetryLimits } from '@nexus/contract'
import type { Ctx } from '../core/context.ts'
import { type Failure, invalid } from '../core/failure.ts'
import { Turns } from '../core/turns.ts'
import { type AggregateDeps, aggregate } from './aggregate.ts'
import { appliesTo, defaultAggregation, rollsUp } from './aggregation-rules.ts'
import type { Drain } from './drain.ts'
import { type Fill, fillGaps } from './fill.ts'
import type { Micros } from './instant.ts'
import { boundaryGrain } from './interval.ts'
import type { LatestValues } from './latest-values.ts'
import { planStretches } from './plan.ts'
import type { AggregatePlan, AggregateRow } from './ports.ts'
import { queryRaw } from './query-raw.ts'
import { type Question, readQuestion } from './question.ts'
import type { RetentionRules } from './retention-rules.ts'
import { type Group, groupRows, toRows } from './rows.ts'

export interface QueryDeps extends AggregateDeps {
  drain: Drain
  rules: RetentionRules
}

type Warning = NonNullable<QueryOutput['warnings']>[number]

const { metricsMax } = telemetryLimits
const cellsMax = 2_000_000
const devicesListed = 20

/**
 * Answers a query over [start, end), with everything in it that was acknowledged before the call. Raw points without
 * aggregation and interval; one row without an interval; else a row a bucket, labelled with its start.
 * Errors: INVALID_REQUEST, VALIDATION_ERROR (the end is not after the start), TIMEOUT. Stops when nobody waits for it.
 */
export async function queryTelemetry(deps: QueryDeps, ctx: Ctx, input: QueryInput): Promise<QueryOutput> {
  const question = readQuestion(input)
  await deps.drain.settle(question.start, question.end)
  const metrics = question.metrics ?? (await knownMetrics(deps, question))
  const unknown = unknownIn(deps.latest, question, metrics)
  if (question.aggregation === undefined && question.interval === undefined) {
    return withWarnings(await queryRaw(deps, ctx, input, question, metrics), unknown)
  }

  const { asked, warnings } = assign(deps.latest, question, metrics)
  const asks = asksOf(deps.rules, ctx.now() * 1000, question, asked)
  const rows = await answerAll(deps, ctx, question, asks)
  const turns = new Turns(ctx.signal)
  const groups = await groupRows(question, rows, turns)
  const fill = input.fill ?? 'none'
  if (rowsOf(question, fill, groups) * metrics.length > cellsMax) throw tooLarge()
  const data = await toRows(question, metrics, await fillGaps(question, fill, groups, metrics, turns), turns)
  if (input.order === 'desc') data.reverse()
  const answer = { query: echo(input, question, metrics), data, total_points: data.length }
  return withWarnings(answer, [...unknown, ...warnings])
}

function withWarnings(answer: QueryOutput, warnings: Warning[]): QueryOutput {
  if (warnings.length === 0) return answer
  const { next_cursor, ...rest } = answer
  return { ...rest, warnings, ...(next_cursor !== undefined && { next_cursor }) }
}

/** All metrics of the devices asked for, or of all devices. A device without telemetry has none. */
async function knownMetrics({ latest, store }: QueryDeps, { devices }: Question): Promise<string[]> {
  const metrics = new Set<string>()
  if (!devices) for (const metric of latest.metrics) metrics.add(metric)
  else if (latest.complete)
    for (const device of devices)
      for (const metric of latest.devices.get(device)?.metrics.keys() ?? []) metrics.add(metric)
  else for (const { name } of await store.metrics({ devices, limit: metricsMax + 1 })) metrics.add(name)
  if (metrics.size > metricsMax) throw invalid('metrics', `must be named: there are more than ${metricsMax}`)
  return [...metrics].sort()
}

/** What is asked for and has never been received; of devices, as long as memory holds all of them. */
function unknownIn(latest: LatestValues, { devices = [] }: Question, metrics: readonly string[]): Warning[] {
  const strange = latest.complete ? devices.filter((device) => !latest.devices.has(device)) : []
  const more = strange.length > devicesListed ? ` and ${strange.length - devicesListed} more` : ''
  const issue = `no telemetry of ${strange.slice(0, devicesListed).join(', ')}${more}`
  return [
    ...(strange.length > 0 ? [{ reason: 'unknown_device', field: 'device_id', issue }] : []),
    ...metrics
      .filter((metric) => latest.kindsOf(metric).size === 0)
      .map((metric) => ({ reason: 'unknown_metric', field: `metrics.${metric}`, issue: 'was never received' })),
  ]
}

/** Which aggregation each metric gets, and what its types don't permit. */
function assign(latest: LatestValues, question: Question, metrics: string[]) {
  const asked = new Map<Aggregation, string[]>()
  const warnings: Warning[] = []
  let applicable = metrics.length === 0
  for (const metric of metrics) {
    const kinds = latest.kindsOf(metric)
    const aggregation = question.aggregation ?? defaultAggregation(kinds)
    const left = [...kinds].filter((kind) => !appliesTo[aggregation].includes(kind))
    if (left.length > 0) {
      const issue = `${aggregation} does not apply to readings of the type ${left.join(', ')}: they are left out`
      warnings.push({ reason: 'type_not_applicable', field: `metrics.${metric}`, issue })
    }
    if (kinds.size > 0 && left.length === kinds.size) continue
    applicable = true
    asked.set(aggregation, [...(asked.get(aggregation) ?? []), metric])
  }
  if (!applicable) throw invalid('aggregation', `${question.aggregation} applies to none of the metrics asked for`)
  return { asked, warnings }
}

/** Metrics that one query of the store answers: they have an aggregation in common, and reach back alike. */
interface Ask {
  aggregation: Aggregation
  metrics: string[]
  since: Micros
}

/** What is past its retention is left out, deleted or not. */
function asksOf(
  rules: RetentionRules,
  now: Micros,
  { start, end }: Question,
  asked: Map<Aggregation, string[]>,
): Ask[] {
  const asks = [...asked].flatMap(([aggregation, named]) => {
    const alike = Map.groupBy(named, (metric) => Math.max(start, rules.keptSince(metric, now)))
    return [...alike].map(([since, metrics]) => ({ aggregation, metrics, since }))
  })
  return asks.filter(({ since }) => since < end)
}

/** Of several parts one that fails stops the others: nobody waits for them any more. */
async function answerAll(deps: QueryDeps, ctx: Ctx, question: Question, asks: readonly Ask[]): Promise<AggregateRow[]> {
  const failed = new AbortController()
  const within = { ...ctx, signal: AbortSignal.any([ctx.signal, failed.signal]) }
  try {
    return (await Promise.all(asks.map((ask) => answer(deps, within, question, ask)))).flat()
  } catch (cause) {
    failed.abort(cause)
    throw cause
  }
}

async function answer(
  deps: QueryDeps,
  ctx: Ctx,
  question: Question,
  { aggregation, metrics, since }: Ask,
): Promise<AggregateRow[]> {
  const { end, devices, interval, starts } = question
  const usable = metrics.every((metric) => rollsUp(aggregation, deps.latest.kindsOf(metric))) && !question.rawOnly
  const plan: AggregatePlan = {
    ...question,
    metrics,
    aggregation,
    buckets: !interval ? 'one' : interval.kind === 'fixed' ? { width: interval.width } : { starts },
    stretches: planStretches(
      { start: since, end, devices, grain: interval && boundaryGrain(interval), rollsUp: usable },
      deps.dirty,
    ),
    rowsMax: cellsMax + 1,
  }
  const rows = await aggregate(deps, ctx, plan)
  if (rows.length > cellsMax) throw tooLarge()
  return rows
}

/** How many rows there will be, before any is made. */
function rowsOf({ starts }: Question, fill: Fill, groups: readonly Group[]): number {
  return fill === 'none' ? groups.reduce((sum, { buckets }) => sum + buckets.size, 0) : groups.length * starts.length
}

function tooLarge(): Failure {
  return invalid(
    'interval',
    `the answer has more than ${cellsMax} values: choose a coarser interval, fewer metrics or groups`,
  )
}

/** The query as it was understood: what the client sent, lists as lists, and what was chosen for it. */
function echo(input: QueryInput, question: Question, metrics: string[]): Record<string, unknown> {
  return {
    ...input,
    metrics,
    ...(question.interval && { interval: question.interval.text }),
  }
}
