import type { Tx } from '../core/context.ts'
import type { TaskDeps } from './deps.ts'
import { placeOf, type RunPlace, type TaskRecord } from './record.ts'
import { stopRuns } from './stop-runs.ts'

/** So many in a transaction. */
const endedAtOnce = 100

/**
 * Writes down that the runs which a task has now are to end, or those of them that go in turn; `endSome` ends them. Where they
 * are more than end at once, those that no worker has are given to none from now on.
 */
export async function askToEnd(
  { store }: TaskDeps,
  tx: Tx,
  task: TaskRecord,
  { reason, inTurn = false }: { reason: string; inTurn?: boolean },
): Promise<void> {
  const upTo = await store.newestActive(tx, task.taskId)
  if (!upTo) return
  // Of those that go in turn one is past its gates, and no other passes them before they have ended.
  if (!inTurn && task.activeRuns > endedAtOnce) await store.holdBack(tx, task.taskId, { reason: 'cancelling' })
  const others = task.endings.filter((one) => inTurn && !one.inTurn)
  task.endings = [...others, { reason, inTurn, after: null, upTo }]
}

/** Ends some of the runs that are to end; what is left of them is in the task. */
export async function endSome(deps: TaskDeps, tx: Tx, task: TaskRecord): Promise<void> {
  const [ending, ...others] = task.endings
  if (!ending) return
  const { reason, inTurn, after, upTo } = ending
  const runs = await deps.store.activeRuns(tx, task.taskId, { after, upTo, limit: endedAtOnce })
  const last: RunPlace | undefined = runs.length === endedAtOnce ? placeOf(runs.at(-1)!) : undefined
  task.endings = last ? [{ ...ending, after: last }, ...others] : others
  const chosen = inTurn ? runs.filter(({ plan }) => plan.inTurn) : runs
  await stopRuns(deps, tx, chosen, { reason })
}

/** Of a task that is deleted: what waits for something of it would wait for ever. Returns whether there may be more. */
export async function endHeld(deps: TaskDeps, tx: Tx, { taskId }: TaskRecord): Promise<boolean> {
  const held = await deps.store.heldRuns(tx, taskId, { limit: endedAtOnce })
  await stopRuns(deps, tx, held, { reason: 'task_deleted' })
  return held.length === endedAtOnce
}
