import type { Input } from '@nexus/contract'
import type { WriteCtx } from '../core/context.ts'
import { fail } from '../core/failure.ts'
import { advanceTask } from './advance.ts'
import { assertVersion } from './assert-version.ts'
import { lockedTask, type TaskDeps } from './deps.ts'
import { askToEnd } from './end-in-steps.ts'
import { publishTask } from './publish.ts'

const listedMax = 20

/** Errors: NOT_FOUND, CONFLICT (`active_runs`, unless told what becomes of them; `has_dependents`, unless forced). */
export async function deleteTask(
  deps: TaskDeps,
  ctx: WriteCtx,
  { task_id, active, force = false, if_match }: Input<'tasks.delete'>,
): Promise<null> {
  const { tx } = ctx
  const task = await lockedTask(deps, tx, task_id)
  assertVersion(task, if_match)
  const dependents = force ? [] : await deps.store.dependents(task_id, tx)
  if (dependents.length > 0)
    throw fail('CONFLICT', {
      reason: 'has_dependents',
      issue: `${dependents.length} tasks depend on it: delete them first, or give force=true`,
      task_ids: dependents.slice(0, listedMax),
    })
  if (task.activeRuns > 0 && active === undefined)
    throw fail('CONFLICT', {
      reason: 'active_runs',
      active_runs: task.activeRuns,
      issue: `${task.activeRuns} of its runs have not ended: give active=cancel to cancel them, or active=drain to let them end`,
    })
  Object.assign(task, { deletedAt: ctx.now(), nextTick: null, wakeAt: null })
  if (active === 'cancel') await askToEnd(deps, tx, task, { reason: 'task_deleted' })
  await advanceTask(deps, tx, task_id, ctx.now())
  await deps.store.unlink(tx, task_id)
  await publishTask(deps, { tx, traceId: ctx.traceId }, 'task.deleted', task, task.eventId)
  deps.store.afterCommit(tx, () => deps.triggers.put(task))
  return null
}
