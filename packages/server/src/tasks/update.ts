import { isDeepStrictEqual } from 'node:util'
import { type Input, type Task, TaskDefinition } from '@nexus/contract'
import type { Ctx, Tx, WriteCtx } from '../core/context.ts'
import { invalid } from '../core/failure.ts'
import { mergePatch } from '../core/merge-patch.ts'
import { validator } from '../core/validate.ts'
import { advanceTask, advanceWholly } from './advance.ts'
import { assertVersion } from './assert-version.ts'
import { changedTask } from './changed-task.ts'
import { prepareTask } from './create.ts'
import { checkDefinition } from './definition.ts'
import { assertNoCycle } from './dependencies.ts'
import { foundTask, lockedTask, type TaskDeps } from './deps.ts'
import { endsTaken } from './fire-dependent.ts'
import { nextTickOf } from './next-tick.ts'
import { assertMay } from './permission.ts'
import { publishTask } from './publish.ts'
import type { TaskRecord } from './record.ts'

type Patch = Input<'tasks.update'>

const checked = validator(TaskDefinition, 'task, as it would be with this change')

/** Errors: NOT_FOUND, INVALID_REQUEST, VALIDATION_ERROR (what would come of it is no task), FORBIDDEN. */
export async function prepareUpdate(deps: TaskDeps, ctx: Ctx, input: Patch): Promise<void> {
  await prepareTask(deps, ctx, patched(await foundTask(deps, input.task_id), input))
}

/**
 * Changes a task; a run that has not ended goes on as it began. Its handler has the rights of the caller from now on. Errors:
 * NOT_FOUND, CONFLICT (`version_mismatch`), INVALID_REQUEST, VALIDATION_ERROR, FORBIDDEN.
 */
export async function updateTask(deps: TaskDeps, ctx: WriteCtx, input: Patch): Promise<Task> {
  const { tx } = ctx
  const task = await lockedBeside(deps, tx, input.task_id, input.dependencies ?? [])
  assertVersion(task, input.if_match)
  const before = task.definition
  const definition = patched(task, input)
  const now = ctx.now()
  // Somebody else may have changed it since that was checked.
  checkDefinition(definition, now)
  await assertMay(deps, ctx.principal, definition, tx)
  if (isDeepStrictEqual(before, definition)) return changedTask(deps, tx, task.taskId)
  if (!isDeepStrictEqual(before.dependencies, definition.dependencies)) {
    await deps.store.lockDependencies(tx)
    await assertNoCycle(task.taskId, definition.dependencies ?? [], (ids) => deps.store.dependenciesOf(ids, tx))
    if (definition.type === 'dependent') task.consumed = await endsTaken(deps.store, tx, definition, task.consumed)
  }
  const isRescheduled = !isDeepStrictEqual(before.schedule, definition.schedule)
  if (isRescheduled) {
    // A tick that is due by now is still one of the schedule before.
    await advanceWholly(deps, tx, task, now)
  }
  Object.assign(task, { definition, runsAs: ctx.principal.keyId, updatedAt: now, version: task.version + 1 })
  const isProlonged = task.endedAt !== null && before.max_runs !== definition.max_runs
  if (isRescheduled || isProlonged) await reschedule(deps, tx, task, now)
  await deps.store.saveDefinition(tx, task)
  await advanceTask(deps, tx, task.taskId, now)
  await publishTask(deps, { tx, traceId: ctx.traceId }, 'task.updated', task, task.eventId)
  return changedTask(deps, tx, task.taskId)
}

/** Locks a task, and what it will depend on, in the order in which others lock several tasks. */
async function lockedBeside(
  deps: TaskDeps,
  tx: Tx,
  taskId: string,
  dependencies: readonly string[],
): Promise<TaskRecord> {
  await deps.store.lockUpstream(
    tx,
    dependencies.filter((id) => id < taskId),
  )
  const task = await lockedTask(deps, tx, taskId)
  await deps.store.lockUpstream(
    tx,
    dependencies.filter((id) => id > taskId),
  )
  return task
}

function patched({ definition }: TaskRecord, { task_id: _, if_match: __, ...patch }: Patch): TaskDefinition {
  if (patch.type !== undefined && patch.type !== definition.type)
    throw invalid('type', `cannot be changed: it is ${definition.type}`, 'VALIDATION_ERROR')
  const changed = checked(mergePatch(definition, patch)) as TaskDefinition
  assertHeadersStay(definition.handler, changed.handler, patch.handler?.headers)
  return changed
}

/**
 * Who changes an address need not know what is sent along: headers that were given for one origin are not sent to another.
 * Errors: VALIDATION_ERROR, naming one that the change neither gives nor removes.
 */
function assertHeadersStay(
  before: TaskDefinition['handler'],
  after: TaskDefinition['handler'],
  given: object | null | undefined,
): void {
  if (before?.type !== 'http' || after?.type !== 'http') return
  const [from, to] = [before.url, after.url].map((url) => URL.parse(url)?.origin)
  if (from !== undefined && from === to) return
  const kept = Object.keys(before.headers ?? {}).find((name) => after.headers && !Object.hasOwn(given ?? {}, name))
  if (kept === undefined) return
  const issue =
    `${kept} was given for ${from}: with another scheme, host or port in handler.url give each header anew, ` +
    'or null for one that is to go; "headers": null removes all'
  throw invalid('handler.headers', issue, 'VALIDATION_ERROR')
}

/** A schedule that was changed begins anew, also that of a task that had ended; but a tick that has run does not run again. */
async function reschedule({ store }: TaskDeps, tx: Tx, task: TaskRecord, now: number): Promise<void> {
  const next = nextTickOf(task.definition, task.createdAt, now)
  if (task.definition.type === 'one_time') {
    if (await store.hasTick(tx, task.taskId, next!)) {
      task.nextTick = null
      task.firedAt ??= now
      return
    }
    task.firedAt = null
  }
  if (task.endedAt !== null) task.deaf = { from: task.endedAt, to: now }
  task.endedAt = null
  if (task.pausedAt === null) task.statusReason = null
  task.nextTick = task.pausedAt === null ? next : null
}
