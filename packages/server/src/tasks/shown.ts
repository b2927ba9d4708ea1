import type { Run, RunSubStatus, Task, TaskDefinition } from '@nexus/contract'
import { toIso, toIsoOrNull } from '../core/clock.ts'
import type { Tx } from '../core/context.ts'
import type { WorkItem } from '../work/index.ts'
import { hiddenHeader } from './definition.ts'
import type { TaskDeps } from './deps.ts'
import type { LastRun, RunRecord, TaskRecord } from './record.ts'
import { workNameOf, workQueueOf } from './run-work.ts'

/** Tasks as clients see them, with what looks odd of them. */
export async function shownTasks(
  { store }: Pick<TaskDeps, 'store'>,
  tasks: readonly TaskRecord[],
  tx?: Tx,
): Promise<Task[]> {
  const named = [...new Set(tasks.flatMap(({ definition }) => definition.dependencies ?? []))]
  const known = new Set((named.length === 0 ? [] : await store.find(named, tx)).map(({ taskId }) => taskId))
  const running = await store.running(
    tasks.map(({ taskId }) => taskId),
    tx,
  )
  return tasks.map((task) => shownTask(task, known, running.has(task.taskId)))
}

function shownTask(task: TaskRecord, known: ReadonlySet<string>, isRunning: boolean): Task {
  const warnings = (task.definition.dependencies ?? [])
    .map((id, i) => ({ id, field: `dependencies.${i}` }))
    .filter(({ id }) => !known.has(id))
    .map(({ id, field }) => ({
      reason: 'unknown_dependency',
      field,
      issue: `${id} is not there yet; runs wait for it`,
    }))
  return {
    task_id: task.taskId,
    ...withoutSecrets(task.definition),
    status: isRunning ? 'running' : task.status,
    status_reason: task.statusReason,
    created_at: toIso(task.createdAt),
    updated_at: toIso(task.updatedAt),
    version: task.version,
    created_by: task.createdBy,
    runs_as: task.runsAs,
    next_run: toIsoOrNull(task.nextTick),
    last_run: task.lastRun && shownLast(task.lastRun),
    active_runs: task.activeRuns,
    runs_made: task.runsMade,
    ...(warnings.length > 0 && { warnings }),
  }
}

const secretHeader = /auth|cookie|token|secret|key|pass|signature|session|credential/i

/** What opens doors elsewhere is shown to nobody. */
function withoutSecrets(definition: TaskDefinition): TaskDefinition {
  const { handler } = definition
  if (handler?.type !== 'http' || !handler.headers) return definition
  const headers = Object.entries(handler.headers).map(([name, value]) => [
    name,
    secretHeader.test(name) ? hiddenHeader : value,
  ])
  return { ...definition, handler: { ...handler, headers: Object.fromEntries(headers) } }
}

function shownLast({ runId, status, cause, scheduledFor, startedAt, completedAt }: LastRun): Task['last_run'] {
  return {
    run_id: runId,
    status,
    cause,
    scheduled_for: toIsoOrNull(scheduledFor),
    started_at: toIsoOrNull(startedAt),
    completed_at: toIso(completedAt),
  }
}

/** Runs as clients see them, with why they wait. */
export async function shownRuns(
  { work, workers, now }: Pick<TaskDeps, 'work' | 'workers' | 'now'>,
  runs: readonly RunRecord[],
  tx?: Tx,
): Promise<Run[]> {
  const live = runs.filter(({ completedAt }) => completedAt === null).map(({ runId }) => runId)
  const found = live.length === 0 ? [] : await work.find(live, tx)
  const items = new Map(found.map((item) => [item.id, item]))
  return runs.map((run) => shownRun(run, standingOf(run, items.get(run.runId), workers, now())))
}

type Standing = Pick<Run, 'sub_status' | 'waiting_for' | 'next_attempt_at'>

function shownRun(run: RunRecord, standing: Standing): Run {
  return {
    run_id: run.runId,
    task_id: run.taskId,
    name: run.plan.name,
    status: run.status,
    ...standing,
    status_reason: run.statusReason,
    cause: run.cause,
    scheduled_for: toIsoOrNull(run.scheduledFor),
    attempt: run.attempt,
    parameters: { ...(run.parameters ?? run.plan.parameters) },
    progress: run.progress,
    result: run.result,
    error: run.error,
    worker_id: run.workerId,
    ...(run.retryOf !== null && { retry_of: run.retryOf }),
    created_at: toIso(run.createdAt),
    started_at: toIsoOrNull(run.startedAt),
    completed_at: toIsoOrNull(run.completedAt),
    trace_id: run.traceId,
  }
}

function standingOf(run: RunRecord, item: WorkItem | undefined, workers: TaskDeps['workers'], now: number): Standing {
  const none = { sub_status: null, waiting_for: null, next_attempt_at: null }
  if (!item) return none
  if (run.status === 'running')
    return { ...none, sub_status: item.cancelRequestedAt === null ? 'executing' : 'cancelling' }
  const { waitingFor, notBefore } = item
  if (waitingFor) return { ...none, sub_status: waitingFor.reason as RunSubStatus, waiting_for: waitingFor }
  if (notBefore !== null && notBefore > now)
    return { ...none, sub_status: run.attempt > 0 ? 'retry_wait' : null, next_attempt_at: toIso(notBefore) }
  const { handler } = run.plan
  if (handler.type !== 'worker') return none
  const reason = workers.isKnown(workQueueOf(run.plan)) ? 'workers_busy' : 'no_worker'
  const waiting_for = { reason, queue: handler.queue ?? 'default', name: workNameOf(run.plan) }
  return { ...none, sub_status: reason === 'no_worker' ? 'no_worker' : null, waiting_for }
}
