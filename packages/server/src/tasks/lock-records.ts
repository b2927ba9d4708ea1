import type { LockRecords } from '../work/index.ts'
import type { TaskStore } from './ports.ts'

/** Locks the tasks of runs before their work changes, in one order: whoever waits for a task holds no work. */
export function lockTasksOf(store: Pick<TaskStore, 'findRuns' | 'lock'>): LockRecords {
  return async (tx, runIds) => {
    const runs = await store.findRuns(runIds, tx)
    for (const taskId of [...new Set(runs.map(({ taskId }) => taskId))].sort()) await store.lock(tx, taskId)
  }
}
