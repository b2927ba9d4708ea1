import type { Tx } from '../core/context.ts'
import type { TaskDeps } from './deps.ts'
import { keyRevoked } from './end-error.ts'
import { publishTask } from './publish.ts'
import { hasRunEnded, type RunChange, type RunRecord, type TaskRecord } from './record.ts'
import { standAs } from './standing.ts'

/** Brings tasks up to date with their runs that have ended, and says so to those that wait for that. */
export async function noteEnds(deps: TaskDeps, tx: Tx, changes: readonly RunChange[], now: number): Promise<void> {
  const ended = changes.filter(({ before, after }) => hasRunEnded(after.status) && !hasRunEnded(before.status))
  const byTask = Map.groupBy(ended, ({ after }) => after.taskId)
  for (const taskId of [...byTask.keys()].sort()) {
    const task = await deps.store.lock(tx, taskId)
    if (!task) continue
    for (const { after } of byTask.get(taskId)!) noteEnd(task, after, now)
    const isRevoked = byTask.get(taskId)!.some(({ after }) => isKeyRevoked(after))
    await pauseIfFailing(deps, tx, task, { isRevoked, now })
    standAs(task, now)
    await deps.store.save(tx, task)
    await signalEnd(deps, tx, task)
  }
}

/** As Nexus says, and not a worker. */
function isKeyRevoked({ error, plan, startedAt }: RunRecord): boolean {
  return error?.code === keyRevoked && (plan.handler.type !== 'worker' || startedAt === null)
}

function noteEnd(task: TaskRecord, run: RunRecord, now: number): void {
  const { runId, status, cause, scheduledFor, startedAt } = run
  task.activeRuns--
  if (status === 'skipped') return
  task.lastRun = { runId, status, cause, scheduledFor, startedAt, completedAt: now }
  // Later than the end before, whatever the clocks of several nodes say: it is one that nobody has heard of.
  const at = Math.max(now, (task.lastEndedAt ?? 0) + 1)
  task.lastEndedAt = at
  if (status === 'completed') task.lastCompleted = { runId, at }
  if (status === 'completed') task.failuresInRow = 0
  else if (status !== 'cancelled') task.failuresInRow++
}

/** Also where the key in whose name it runs is no more: no run of it would do better. */
async function pauseIfFailing(
  deps: TaskDeps,
  tx: Tx,
  task: TaskRecord,
  { isRevoked, now }: { isRevoked: boolean; now: number },
): Promise<void> {
  const { type, pause_after_failures: max = Number.POSITIVE_INFINITY } = task.definition
  if (
    type === 'one_time' ||
    task.pausedAt !== null ||
    task.endedAt !== null ||
    (!isRevoked && task.failuresInRow < max)
  )
    return
  task.pausedAt = now
  task.statusReason = isRevoked ? keyRevoked : 'failures_in_row'
  task.nextTick = null
  standAs(task, now)
  // Its runs that no worker has wait from now on.
  await deps.store.signal(tx, task.taskId)
  await publishTask(deps, { tx, traceId: task.traceId }, 'task.paused', task, task.eventId)
  deps.store.afterCommit(tx, () => {
    deps.triggers.put(task)
    deps.expect(now)
  })
}

/** Runs behind the one that ended, and the tasks that depend on its task, have their turn once its end is durable. */
async function signalEnd({ store, expect, now }: TaskDeps, tx: Tx, { taskId, activeRuns }: TaskRecord): Promise<void> {
  const isWaitedFor = (activeRuns > 0 && (await store.hasHeld(tx, taskId))) || (await store.hasDependents(tx, taskId))
  if (!isWaitedFor) return
  await store.signal(tx, taskId)
  store.afterCommit(tx, () => expect(now()))
}
