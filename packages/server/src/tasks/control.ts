import { type Input, type Task, taskLimits } from '@nexus/contract'
import type { Tx, WriteCtx } from '../core/context.ts'
import { fail } from '../core/failure.ts'
import { advanceTask } from './advance.ts'
import { changedTask } from './changed-task.ts'
import { lockedTask, type TaskDeps } from './deps.ts'
import { endRun } from './end-run.ts'
import { nextTickOf } from './next-tick.ts'
import { publishTask } from './publish.ts'
import { byHand, isSpent } from './record.ts'
import { standAs } from './standing.ts'

/** No tick, event or dependency makes it run, and of its runs those that no worker has wait. Errors: NOT_FOUND, CONFLICT (`task_ended`). */
export async function pauseTask(deps: TaskDeps, ctx: WriteCtx, { task_id }: Input<'tasks.pause'>): Promise<Task> {
  const { tx } = ctx
  const task = await lockedTask(deps, tx, task_id)
  if (task.endedAt !== null)
    throw fail('CONFLICT', { reason: 'task_ended', status: task.status, issue: `the task is ${task.status}` })
  if (task.pausedAt !== null) return changedTask(deps, tx, task_id)
  // What came until now has its run, which waits.
  await advanceTask(deps, tx, task_id, ctx.now())
  Object.assign(task, { pausedAt: ctx.now(), statusReason: 'paused', nextTick: null })
  await holdReady(deps, tx, task_id)
  await advanceTask(deps, tx, task_id, ctx.now())
  await publishTask(deps, { tx, traceId: ctx.traceId }, 'task.paused', task, task.eventId)
  return changedTask(deps, tx, task_id)
}

/** What is past its gates and no worker has; a run by hand goes on. */
async function holdReady({ store, work }: TaskDeps, tx: Tx, taskId: string): Promise<void> {
  const active = await store.activeRuns(tx, taskId, taskLimits.activeRunsMax)
  const ready = active
    .filter(({ status, isHeld, cause }) => status === 'queued' && !isHeld && !byHand.includes(cause))
    .map(({ runId }) => runId)
  const held = await work.hold(tx, ready, { reason: 'paused' })
  const locked = await store.lockRuns(
    tx,
    held.map(({ id }) => id),
  )
  await store.saveRuns(
    tx,
    locked.map((run) => ({ ...run, isHeld: true, stallAt: null })),
  )
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

/** Errors: NOT_FOUND, CONFLICT (`no_active_runs`). */
export async function cancelTask(deps: TaskDeps, ctx: WriteCtx, { task_id }: Input<'tasks.cancel'>): Promise<Task> {
  const { tx } = ctx
  const task = await lockedTask(deps, tx, task_id)
  const isAhead = task.definition.type === 'one_time' && task.firedAt === null && task.endedAt === null
  if (task.activeRuns === 0 && !isAhead)
    throw fail('CONFLICT', { reason: 'no_active_runs', issue: 'all of its runs have ended' })
  if (isAhead) Object.assign(task, { nextTick: null, pausedAt: null, endedAt: ctx.now(), statusReason: 'cancelled' })
  for (const run of await deps.store.activeRuns(tx, task_id, taskLimits.activeRunsMax))
    await endRun(deps, tx, run, { reason: 'cancelled' })
  standAs(task, ctx.now())
  await deps.store.save(tx, task)
  return changedTask(deps, tx, task_id)
}
