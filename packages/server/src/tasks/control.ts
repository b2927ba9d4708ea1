import type { Input, Task } from '@nexus/contract'
import type { WriteCtx } from '../core/context.ts'
import { fail } from '../core/failure.ts'
import { advanceTask, advanceWholly } from './advance.ts'
import { changedTask } from './changed-task.ts'
import { lockedTask, type TaskDeps } from './deps.ts'
import { askToEnd } from './end-in-steps.ts'
import { nextTickOf } from './next-tick.ts'
import { publishTask } from './publish.ts'
import { isSpent } from './record.ts'

/**
 * No tick, event or dependency makes the task run any more, and those of its runs that no worker has wait. Errors: NOT_FOUND,
 * CONFLICT (`task_ended`).
 */
export async function pauseTask(deps: TaskDeps, ctx: WriteCtx, { task_id }: Input<'tasks.pause'>): Promise<Task> {
  const { tx } = ctx
  const task = await lockedTask(deps, tx, task_id)
  if (task.endedAt !== null)
    throw fail('CONFLICT', { reason: 'task_ended', status: task.status, issue: `the task is ${task.status}` })
  if (task.pausedAt !== null) return changedTask(deps, tx, task_id)
  // What came until now has its run, which waits.
  await advanceWholly(deps, tx, task, ctx.now())
  Object.assign(task, { pausedAt: ctx.now(), statusReason: 'paused', nextTick: null })
  await advanceTask(deps, tx, task_id, ctx.now())
  await publishTask(deps, { tx, traceId: ctx.traceId }, 'task.paused', task, task.eventId)
  return changedTask(deps, tx, task_id)
}

/** Goes on with the next tick from now on. Errors: NOT_FOUND, CONFLICT (`not_paused`). */
export async function resumeTask(deps: TaskDeps, ctx: WriteCtx, { task_id }: Input<'tasks.resume'>): Promise<Task> {
  const { tx } = ctx
  const now = ctx.now()
  const task = await lockedTask(deps, tx, task_id)
  if (task.pausedAt === null) throw fail('CONFLICT', { reason: 'not_paused', issue: 'the task is not paused' })
  const hasRun = task.definition.type === 'one_time' && task.firedAt !== null
  const nextTick = hasRun || isSpent(task) ? null : nextTickOf(task.definition, task.createdAt, now)
  const deaf = { from: task.pausedAt, to: now }
  Object.assign(task, { pausedAt: null, deaf, statusReason: null, failuresInRow: 0, nextTick })
  await advanceTask(deps, tx, task_id, now)
  await publishTask(deps, { tx, traceId: ctx.traceId }, 'task.resumed', task, task.eventId)
  return changedTask(deps, tx, task_id)
}

/** Of many runs some end at once, and the others one after another. Errors: NOT_FOUND, CONFLICT (`no_active_runs`). */
export async function cancelTask(deps: TaskDeps, ctx: WriteCtx, { task_id }: Input<'tasks.cancel'>): Promise<Task> {
  const { tx } = ctx
  const task = await lockedTask(deps, tx, task_id)
  const isAhead = task.definition.type === 'one_time' && task.firedAt === null && task.endedAt === null
  if (task.activeRuns === 0 && !isAhead)
    throw fail('CONFLICT', { reason: 'no_active_runs', issue: 'all of its runs have ended' })
  if (isAhead) Object.assign(task, { nextTick: null, pausedAt: null, endedAt: ctx.now(), statusReason: 'cancelled' })
  await askToEnd(deps, tx, task, { reason: 'cancelled' })
  await advanceTask(deps, tx, task_id, ctx.now())
  return changedTask(deps, tx, task_id)
}
