import type { EventData, RunStatus } from '@nexus/contract'
import { toIso } from '../core/clock.ts'
import type { Tx } from '../core/context.ts'
import type { NewEvent, PublishCtx } from '../events/index.ts'
import type { TaskDeps } from './deps.ts'
import { hasRunEnded, type RunRecord, type TaskRecord } from './record.ts'

type TaskEvent = 'task.created' | 'task.updated' | 'task.deleted' | 'task.paused' | 'task.resumed'

/** Tells what became of a task. Returns the event's id. */
export async function publishTask(
  { events }: Pick<TaskDeps, 'events'>,
  ctx: PublishCtx,
  type: TaskEvent,
  task: TaskRecord,
  causeId: string | null,
): Promise<string> {
  const { taskId, definition, nextTick } = task
  const data: EventData<TaskEvent> = {
    task_id: taskId,
    name: definition.name,
    type: definition.type,
    status: task.status,
    status_reason: task.statusReason,
    version: task.version,
    next_run: nextTick === null ? null : toIso(nextTick),
    tags: definition.tags ?? {},
  }
  return events.publish(ctx, { type, subject: taskId, data, causeId })
}

type RunEvent =
  | 'task.queued'
  | 'task.started'
  | 'task.progress'
  | 'task.stalled'
  | `task.${Exclude<RunStatus, 'queued' | 'running'>}`

const progressMs = 1000

/** Tells what became of a run between two moments of it: that an attempt began, that it failed, and once how the run ended. */
export async function publishRunChange(deps: TaskDeps, tx: Tx, before: RunRecord, after: RunRecord): Promise<void> {
  if (before.status === 'queued' && after.status === 'running') await publishRun(deps, tx, 'task.started', after)
  if (before.status === 'running' && after.status === 'queued') await publishRun(deps, tx, 'task.progress', after)
  if (!hasRunEnded(before.status) && hasRunEnded(after.status)) await publishEnd(deps, tx, after)
}

export async function publishEnd(deps: TaskDeps, tx: Tx, run: RunRecord): Promise<void> {
  // For who knows the types of the specification alone.
  if (run.status === 'timeout') await publishRun(deps, tx, 'task.failed', run)
  await publishRun(deps, tx, `task.${run.status}` as RunEvent, run)
}

/** At most once a second; what came in between is in the run. */
export async function publishProgress(deps: TaskDeps, tx: Tx, run: RunRecord, now: number): Promise<void> {
  if (run.toldAt !== null && now - run.toldAt < progressMs) return
  run.toldAt = now
  await publishRun(deps, tx, 'task.progress', run)
}

/** Counts in `run.seq`, and notes the event; the caller saves the run. */
export async function publishRun(
  deps: Pick<TaskDeps, 'events'>,
  tx: Tx,
  type: RunEvent,
  run: RunRecord,
): Promise<void> {
  run.seq++
  const causeId = run.firstEventId ?? run.causeId
  const event = { type, subject: run.taskId, data: dataOf(run, type), causeId } as NewEvent
  const id = await deps.events.publish({ tx, traceId: run.traceId }, event)
  run.firstEventId ??= id
  run.lastEventId = id
}

function dataOf(run: RunRecord, type: RunEvent): EventData<'task.completed'> {
  const { statusReason, scheduledFor, progress, error, plan } = run
  return {
    task_id: run.taskId,
    run_id: run.runId,
    name: plan.name,
    status: run.status,
    cause: run.cause,
    attempt: run.attempt,
    seq: run.seq,
    ...(statusReason !== null && { status_reason: statusReason }),
    ...(scheduledFor !== null && { scheduled_for: toIso(scheduledFor) }),
    ...(type === 'task.progress' && progress !== null && { progress }),
    ...(run.result !== null && { result: run.result }),
    ...(error !== null && { error }),
  }
}
