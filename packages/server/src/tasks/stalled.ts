import type { Tx } from '../core/context.ts'
import type { TaskDeps } from './deps.ts'
import { publishRuns } from './publish.ts'

/** Tells once that nobody has taken a run for a minute. */
export async function tellStalled(deps: TaskDeps, tx: Tx, runId: string, now: number): Promise<void> {
  const [run] = await deps.store.lockRuns(tx, [runId])
  if (run?.stallAt == null || run.stallAt > now) return
  const after = { ...run, stallAt: null }
  await publishRuns(deps, tx, [{ type: 'task.stalled', run: after }])
  await deps.store.saveRuns(tx, [after])
}
