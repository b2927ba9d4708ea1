import { type Input, type Output, taskLimits } from '@nexus/contract'
import { checkNumbers } from '../core/check-numbers.ts'
import type { WriteCtx } from '../core/context.ts'
import { fail, invalid } from '../core/failure.ts'
import { advanceTask } from './advance.ts'
import { lockedTask, type TaskDeps } from './deps.ts'
import { makeRun } from './make-run.ts'
import { assertMay } from './permission.ts'
import type { RunRecord, TaskRecord } from './record.ts'
import { checkTemplates, rootsWithoutEvent } from './templates.ts'

/**
 * A run now, beside others, whatever the task waits for. Errors: NOT_FOUND, VALIDATION_ERROR, CONFLICT
 * (`too_many_active_runs`), FORBIDDEN (parameters, of a task that the key could not have made so).
 */
export async function executeTask(
  deps: TaskDeps,
  ctx: WriteCtx,
  { task_id, parameters }: Input<'tasks.execute'>,
): Promise<Output<'tasks.execute'>> {
  const { tx } = ctx
  const now = ctx.now()
  const task = await lockedTask(deps, tx, task_id)
  assertRoom(task)
  if (parameters) {
    // No event leads to a run by hand.
    checkNumbers('parameters', parameters)
    checkTemplates(parameters, 'parameters', rootsWithoutEvent)
    const given = { ...task.definition.parameters, ...parameters }
    checkSize(given)
    // Whoever says what is done needs what whoever said that it is done needed.
    await assertMay(deps, ctx.principal, { ...task.definition, parameters: given }, tx)
  }
  const occasion = { cause: 'manual' as const, parameters, traceId: ctx.traceId, causeId: task.eventId }
  const run = (await makeRun(deps, tx, task, occasion, { now })) as RunRecord
  await advanceTask(deps, tx, task_id, now)
  return { run_id: run.runId, task_id, status: run.status }
}

/** The run that was made, as it stands by now. */
export async function executedByNow(
  { store }: Pick<TaskDeps, 'store'>,
  executed: Output<'tasks.execute'>,
): Promise<Output<'tasks.execute'>> {
  const [run] = await store.findRuns([executed.run_id])
  return run ? { ...executed, status: run.status } : executed
}

/** Errors: CONFLICT. */
export function assertRoom({ activeRuns }: TaskRecord): void {
  const limit = taskLimits.activeRunsMax
  if (activeRuns < limit) return
  const issue = `${activeRuns} of its runs have not ended: at most ${limit}`
  throw fail('CONFLICT', { reason: 'too_many_active_runs', limit, issue })
}

function checkSize(parameters: object): void {
  const bytes = Buffer.byteLength(JSON.stringify(parameters))
  const limit = taskLimits.parametersBytesMax
  if (bytes > limit)
    throw invalid(
      'parameters',
      `have ${bytes} bytes as JSON with those of the task: at most ${limit}`,
      'VALIDATION_ERROR',
    )
}
