import type { Task } from '@nexus/contract'
import type { Tx } from '../core/context.ts'
import { foundTask, type TaskDeps } from './deps.ts'
import { shownTasks } from './shown.ts'

/** A task that was made or changed in the transaction, as it is shown; from the commit on events trigger it so. */
export async function changedTask(deps: TaskDeps, tx: Tx, taskId: string): Promise<Task> {
  const task = await foundTask(deps, taskId, tx)
  deps.store.afterCommit(tx, () => deps.triggers.put(task))
  const [shown] = await shownTasks(deps, [task], tx)
  return shown!
}
