import type { RunError } from '@nexus/contract'
import type { Tx } from '../core/context.ts'
import type { TaskDeps } from './deps.ts'
import type { RunRecord } from './record.ts'

/**
 * Ends a run without its worker. One that nobody has ends at once as told; who has it is asked to stop, and it ends as cancelled.
 */
export async function endRun(
  { told, work }: Pick<TaskDeps, 'told' | 'work'>,
  tx: Tx,
  run: RunRecord,
  { status, reason, error }: { status?: 'skipped' | 'failed' | 'cancelled'; reason: string; error?: RunError },
): Promise<void> {
  if (run.status === 'queued')
    told.note(tx, run.runId, {
      ...(status !== undefined && { status }),
      statusReason: reason,
      ...(error && { error }),
    })
  await work.cancel(tx, [run.runId])
}
