import type { Input, Output } from '@nexus/contract'
import { toIso } from '../core/clock.ts'
import type { WriteCtx } from '../core/context.ts'
import { fail, invalid } from '../core/failure.ts'
import { advanceTask } from './advance.ts'
import { scheduleOf } from './definition.ts'
import { lockedTask, type TaskDeps } from './deps.ts'
import { makeRun } from './make-run.ts'
import { between } from './schedule.ts'
import { tickMax, tickMin } from './ticks.ts'

const maxDefault = 100

/**
 * Runs of past ticks that have none, or that were missed or skipped, one after another. Errors: NOT_FOUND, CONFLICT
 * (`no_schedule`), VALIDATION_ERROR.
 */
export async function backfillTask(
  deps: TaskDeps,
  ctx: WriteCtx,
  { task_id, start, end, max = maxDefault }: Input<'tasks.backfill'>,
): Promise<Output<'tasks.backfill'>> {
  const { tx } = ctx
  const now = ctx.now()
  const range = rangeOf(start, end, now)
  const task = await lockedTask(deps, tx, task_id)
  const schedule = task.definition.type === 'scheduled' ? scheduleOf(task.definition, task.createdAt) : undefined
  if (!schedule) throw fail('CONFLICT', { reason: 'no_schedule', issue: 'the task has no recurring schedule' })
  const { ticks, more } = between(schedule, range.start, range.end, max)
  const existing = await deps.store.ticksWithRuns(tx, task_id, ticks)
  const runs: Output<'tasks.backfill'>['runs'] = []
  for (const tick of ticks.filter((one) => !existing.has(one))) {
    const occasion = { cause: 'backfill' as const, scheduledFor: tick, traceId: ctx.traceId, causeId: task.eventId }
    const run = await makeRun(deps, tx, task, { ...occasion, mustQueue: true }, { now })
    if (run) runs.push({ run_id: run.runId, scheduled_for: toIso(tick), status: run.status })
  }
  await advanceTask(deps, tx, task_id, now)
  return { runs, existing: existing.size, more }
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
