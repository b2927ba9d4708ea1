import type { Tx } from '../core/context.ts'
import type { TaskDeps } from './deps.ts'
import type { RunChange } from './on-run-work.ts'
import { publishTask } from './publish.ts'
import { hasRunEnded, type RunRecord, type TaskRecord } from './record.ts'
import { standAs } from './standing.ts'

/** Brings tasks up to date with their runs that have ended, and says so to those that wait for that. */
export async function noteEnds(deps: TaskDeps, tx: Tx, changes: readonly RunChange[], now: number): Promise<void> {
  const ended = changes.filter(({ before, after }) => hasRunEnded(after.status) && !hasRunEnded(before.status))
  const byTask = Map.groupBy(ended, ({ after }) => after.taskId)
  for (const taskId of [...byTask.keys()].sort()) {
    const task = await deps.store.lock(tx, taskId)
    if (!task) continue
    for (const { after } of byTask.get(taskId)!) noteEnd(task, after, now)
    await pauseIfFailing(deps, tx, task, now)
    standAs(task, now)
    await deps.store.save(tx, task)
    await signalEnd(deps, tx, task)
  }
}

function noteEnd(task: TaskRecord, run: RunRecord, now: number): void {
  const { runId, status, cause, scheduledFor, startedAt } = run
  task.activeRuns--
  if (status === 'skipped') return
  task.lastRun = { runId, status, cause, scheduledFor, startedAt, completedAt: now }
  task.lastEndedAt = now
  if (status === 'completed') task.lastCompleted = { runId, at: now }
  if (status === 'completed') task.failuresInRow = 0
  else if (status !== 'cancelled') task.failuresInRow++
}

async function pauseIfFailing(deps: TaskDeps, tx: Tx, task: TaskRecord, now: number): Promise<void> {
  const { pause_after_failures: max } = task.definition
  if (max === undefined || task.failuresInRow < max || task.pausedAt !== null) return
  task.pausedAt = now
  task.statusReason = 'failures_in_row'
  task.nextTick = null
  standAs(task, now)
  await publishTask(deps, { tx, traceId: task.traceId }, 'task.paused', task, task.eventId)
  deps.store.afterCommit(tx, () => deps.triggers.put(task))
}

/** Those behind it in its own task, and the tasks that depend on it, are looked at once this is durable. */
async function signalEnd({ store, expect, now }: TaskDeps, tx: Tx, { taskId, activeRuns }: TaskRecord): Promise<void> {
  const isWaitedFor = (activeRuns > 0 && (await store.hasHeld(tx, taskId))) || (await store.hasDependents(tx, taskId))
  if (!isWaitedFor) return
  await store.signal(tx, taskId)
  store.afterCommit(tx, () => expect(now()))
}
