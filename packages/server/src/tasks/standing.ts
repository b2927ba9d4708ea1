import type { TaskRecord } from './record.ts'

/**
 * How a task stands but for the runs that are under way: paused; ended as its last run did (one that runs once), or completed
 * (one that makes no more runs); else `scheduled`.
 */
export function standAs(task: TaskRecord, now: number): void {
  const { definition, firedAt, activeRuns } = task
  if (definition.type === 'one_time' && firedAt !== null && activeRuns === 0) task.endedAt ??= now
  task.status = statusOf(task)
}

function statusOf({ definition, activeRuns, pausedAt, endedAt, lastRun }: TaskRecord): TaskRecord['status'] {
  if (pausedAt !== null) return 'paused'
  if (endedAt === null || activeRuns > 0) return 'scheduled'
  if (definition.type === 'one_time' && lastRun?.status !== 'completed') return 'failed'
  return 'completed'
}
