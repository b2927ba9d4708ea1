import type { Input, Output, Task } from '@nexus/contract'
import { toIso } from '../core/clock.ts'
import type { Ctx } from '../core/context.ts'
import { fail } from '../core/failure.ts'
import { scheduleOf } from './definition.ts'
import { foundTask, type TaskDeps } from './deps.ts'
import { between } from './schedule.ts'
import { shownTasks } from './shown.ts'
import { tickMax } from './ticks.ts'

const countDefault = 10

/** Errors: NOT_FOUND. */
export async function getTask(deps: TaskDeps, _ctx: Ctx, { task_id }: Input<'tasks.get'>): Promise<Task> {
  const [shown] = await shownTasks(deps, [await foundTask(deps, task_id)])
  return shown!
}

/** The ticks from now on, whether it is paused or not. Errors: NOT_FOUND, CONFLICT (it has no schedule). */
export async function previewSchedule(
  deps: TaskDeps,
  ctx: Ctx,
  { task_id, count = countDefault }: Input<'tasks.schedule'>,
): Promise<Output<'tasks.schedule'>> {
  const { definition, createdAt } = await foundTask(deps, task_id)
  const schedule = scheduleOf(definition, createdAt)
  if (!schedule) throw fail('CONFLICT', { reason: 'no_schedule', issue: 'the task has no schedule' })
  const { ticks } = between(schedule, ctx.now(), tickMax, count)
  return { task_id, timezone: definition.schedule?.timezone ?? 'UTC', ticks: ticks.map(toIso) }
}
