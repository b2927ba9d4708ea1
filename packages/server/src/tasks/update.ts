import { isDeepStrictEqual } from 'node:util'
import { type Input, type Task, TaskDefinition } from '@nexus/contract'
import type { Ctx, WriteCtx } from '../core/context.ts'
import { invalid } from '../core/failure.ts'
import { mergePatch } from '../core/merge-patch.ts'
import { validator } from '../core/validate.ts'
import { advanceTask } from './advance.ts'
import { assertVersion } from './assert-version.ts'
import { changedTask } from './changed-task.ts'
import { prepareTask } from './create.ts'
import { checkDefinition } from './definition.ts'
import { assertNoCycle } from './dependencies.ts'
import { foundTask, lockedTask, type TaskDeps } from './deps.ts'
import { nextTickOf } from './next-tick.ts'
import { assertScopes } from './permission.ts'
import { publishTask } from './publish.ts'
import type { TaskRecord } from './record.ts'

type Patch = Input<'tasks.update'>

const checked = validator(TaskDefinition, 'task, as it would be with this change')

/** Errors: NOT_FOUND, INVALID_REQUEST, VALIDATION_ERROR (what would come of it is no task), FORBIDDEN. */
export async function prepareUpdate(deps: TaskDeps, ctx: Ctx, input: Patch): Promise<void> {
  await prepareTask(deps, ctx, patched(await foundTask(deps, input.task_id), input))
}

/**
 * Changes a task; a run that has not ended goes on as it began. Its handler has the rights of the caller from now on. Errors: NOT_FOUND,
 * CONFLICT (`version_mismatch`), INVALID_REQUEST, VALIDATION_ERROR.
 */
export async function updateTask(deps: TaskDeps, ctx: WriteCtx, input: Patch): Promise<Task> {
  const { tx } = ctx
  let task = await lockedTask(deps, tx, input.task_id)
  assertVersion(task, input.if_match)
  const before = task.definition
  const definition = patched(task, input)
  const now = ctx.now()
  // Somebody else may have changed it since that was checked.
  checkDefinition(definition, now)
  assertScopes(ctx.principal, definition)
  if (isDeepStrictEqual(before, definition)) return changedTask(deps, tx, task.taskId)
  if (!isDeepStrictEqual(before.dependencies, definition.dependencies)) {
    await deps.store.lockDependencies(tx)
    await assertNoCycle(task.taskId, definition.dependencies ?? [], (ids) => deps.store.dependenciesOf(ids, tx))
  }
  const isRescheduled = !isDeepStrictEqual(before.schedule, definition.schedule)
  if (isRescheduled) {
    // A tick that is due by now is still one of the schedule before.
    await advanceTask(deps, tx, task.taskId, now)
    task = await lockedTask(deps, tx, task.taskId)
  }
  Object.assign(task, { definition, runsAs: ctx.principal.keyId, updatedAt: now, version: task.version + 1 })
  if (isRescheduled) reschedule(task, now)
  if (
    task.endedAt !== null &&
    definition.type !== 'one_time' &&
    !isDeepStrictEqual(before.max_runs, definition.max_runs)
  )
    reschedule(task, now)
  await deps.store.saveDefinition(tx, task)
  await advanceTask(deps, tx, task.taskId, now)
  await publishTask(deps, { tx, traceId: ctx.traceId }, 'task.updated', task, task.eventId)
  return changedTask(deps, tx, task.taskId)
}

function patched({ definition }: TaskRecord, { task_id: _, if_match: __, ...patch }: Patch): TaskDefinition {
  if (patch.type !== undefined && patch.type !== definition.type)
    throw invalid('type', `cannot be changed: it is ${definition.type}`, 'VALIDATION_ERROR')
  return checked(mergePatch(definition, patch)) as TaskDefinition
}

/** A schedule that was changed begins anew, also that of a task that had ended. */
function reschedule(task: TaskRecord, now: number): void {
  if (task.endedAt !== null) task.deaf = { from: task.endedAt, to: now }
  task.endedAt = null
  if (task.pausedAt === null) task.statusReason = null
  task.nextTick = task.pausedAt === null ? nextTickOf(task.definition, task.createdAt, now) : null
}
