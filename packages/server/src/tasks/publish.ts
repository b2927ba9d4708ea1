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

/** An event of a run, as that stands then. */
export interface RunNews {
  type: RunEvent
  run: RunRecord
}

/** Tells what became of a run between two moments of it: that an attempt began, that it failed, and once how the run ended. */
export function newsOfChange(before: RunRecord, after: RunRecord): RunNews[] {
  if (before.status === 'queued' && after.status === 'running') return [{ type: 'task.started', run: after }]
  if (before.status === 'running' && after.status === 'queued') return [{ type: 'task.progress', run: after }]
  return !hasRunEnded(before.status) && hasRunEnded(after.status) ? newsOfEnd(after) : []
}

export function newsOfEnd(run: RunRecord): RunNews[] {
  const end: RunNews = { type: `task.${run.status}` as RunEvent, run }
  // For who knows the types of the specification alone.
  return run.status === 'timeout' ? [{ type: 'task.failed', run }, end] : [end]
}

/** At most once a second; what came in between is in the run. */
export async function publishProgress(deps: TaskDeps, tx: Tx, run: RunRecord, now: number): Promise<void> {
  if (run.toldAt !== null && now - run.toldAt < progressMs) return
  run.toldAt = now
  await publishRuns(deps, tx, [{ type: 'task.progress', run }])
}

/** Tells this of runs, in this order. Counts in each `run.seq`, and notes the event; the caller saves the runs. */
export async function publishRuns(
  { events }: Pick<TaskDeps, 'events'>,
  tx: Tx,
  news: readonly RunNews[],
): Promise<void> {
  const [first] = news
  if (!first) return
  const told = news.map(({ type, run }) => {
    run.seq++
    const causeId = run.firstEventId ?? run.causeId
    return { type, subject: run.taskId, data: dataOf(run, type), causeId, traceId: run.traceId } as NewEvent
  })
  const ids = await events.publishAll({ tx, traceId: first.run.traceId }, told)
  for (const [i, { run }] of news.entries()) {
    run.firstEventId ??= ids[i]!
    run.lastEventId = ids[i]!
  }
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
