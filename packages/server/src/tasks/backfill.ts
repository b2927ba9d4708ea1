import type { Input, Output } from '@nexus/contract'
import { toIso } from '../core/clock.ts'
import { type Ctx, inTransaction, type WriteCtx } from '../core/context.ts'
import { fail, invalid } from '../core/failure.ts'
import { advanceTask } from './advance.ts'
import { scheduleOf } from './definition.ts'
import { lockedTask, type TaskDeps } from './deps.ts'
import { makeRun } from './make-run.ts'
import { between } from './schedule.ts'
import { tickMax, tickMin } from './ticks.ts'

const maxDefault = 100
/** So many in a transaction. */
const madeAtOnce = 100

type Asked = Input<'tasks.backfill'>

/** How far a backfill has come. */
export interface Backfill {
  made: Output<'tasks.backfill'>['runs']
  /** The ticks whose runs are still to be made. */
  left: readonly number[]
  existing: number
  more: boolean
}

/**
 * Makes all but the last of very many runs, in steps, so that nobody waits for all of them; undefined: they are few. Where no
 * answer comes of it, the same call again makes the others. Errors: those of `backfillTask`.
 */
export async function prepareBackfill(deps: TaskDeps, ctx: Ctx, asked: Asked): Promise<Backfill | undefined> {
  const { store } = deps
  const { max = maxDefault } = asked
  if (max <= madeAtOnce) return undefined
  let backfill = await store.write((tx) => begun(deps, { tx, now: ctx.now }, asked))
  while (backfill.left.length > madeAtOnce) {
    const before = backfill
    backfill = await store.write((tx) => step(deps, inTransaction(ctx, tx), asked, before))
  }
  return backfill
}

/**
 * Runs of past ticks that have none, or that were missed or skipped, one after another. Errors: NOT_FOUND, CONFLICT
 * (`no_schedule`), VALIDATION_ERROR.
 */
export async function backfillTask(
  deps: TaskDeps,
  ctx: WriteCtx,
  asked: Asked,
  before: Backfill | undefined,
): Promise<Output<'tasks.backfill'>> {
  const { made, existing, more } = await step(deps, ctx, asked, before ?? (await begun(deps, ctx, asked)))
  return { runs: made, existing, more }
}

async function begun(
  deps: TaskDeps,
  { tx, now }: Pick<WriteCtx, 'tx' | 'now'>,
  { task_id, start, end, max = maxDefault }: Asked,
): Promise<Backfill> {
  const range = rangeOf(start, end, now())
  const { definition, createdAt } = await lockedTask(deps, tx, task_id)
  const schedule = definition.type === 'scheduled' ? scheduleOf(definition, createdAt) : undefined
  if (!schedule) throw fail('CONFLICT', { reason: 'no_schedule', issue: 'the task has no recurring schedule' })
  const { ticks, more } = between(schedule, range.start, range.end, max)
  const existing = await deps.store.ticksWithRuns(tx, task_id, ticks)
  return { made: [], left: ticks.filter((tick) => !existing.has(tick)), existing: existing.size, more }
}

async function step(
  deps: TaskDeps,
  { tx, traceId, now }: WriteCtx,
  { task_id }: Asked,
  { made, left, existing, more }: Backfill,
): Promise<Backfill> {
  const task = await lockedTask(deps, tx, task_id)
  const runs: Backfill['made'] = []
  const ticks = left.slice(0, madeAtOnce)
  for (const tick of ticks) {
    const occasion = { cause: 'backfill' as const, scheduledFor: tick, traceId, causeId: task.eventId }
    const run = await makeRun(deps, tx, task, { ...occasion, mustQueue: true }, { now: now() })
    if (run) runs.push({ run_id: run.runId, scheduled_for: toIso(tick), status: run.status })
  }
  await advanceTask(deps, tx, task_id, now())
  // Of the others somebody has made the runs meanwhile.
  const others = ticks.length - runs.length
  return { made: [...made, ...runs], left: left.slice(madeAtOnce), existing: existing + others, more }
}

function rangeOf(from: string, to: string, now: number): { start: number; end: number } {
  const start = Date.parse(from)
  const end = Date.parse(to)
  if (!(start >= tickMin && start <= tickMax))
    throw invalid('start', 'must be between the years 1970 and 2999', 'VALIDATION_ERROR')
  if (!(end > start)) throw invalid('end', 'must be later than start', 'VALIDATION_ERROR')
  if (end > now) throw invalid('end', 'must not be in the future: those ticks will come', 'VALIDATION_ERROR')
  return { start, end }
}
