import type { RunError } from '@nexus/contract'
import type { Tx } from '../core/context.ts'
import type { TaskDeps } from './deps.ts'
import type { RunRecord } from './record.ts'

interface HowEnded {
  status?: 'skipped' | 'failed' | 'cancelled'
  reason: string
  error?: RunError | null
}

/**
 * Ends runs that nobody has reported the end of. A run that no worker has ends at once, as told; a worker that has one is asked
 * to stop, and the run ends as cancelled.
 */
export async function stopRuns(
  { told, work }: Pick<TaskDeps, 'told' | 'work'>,
  tx: Tx,
  runs: readonly RunRecord[],
  { status, reason, error }: HowEnded,
): Promise<void> {
  for (const run of runs)
    if (run.status === 'queued')
      told.note(tx, run.runId, {
        ...(status !== undefined && { status }),
        statusReason: reason,
        ...(error && { error }),
      })
  await work.cancel(
    tx,
    runs.map(({ runId }) => runId),
  )
}
