import type { RunStanding } from '@nexus/contract'
import { toIso } from '../core/clock.ts'
import { type Failure, fail } from '../core/failure.ts'
import type { WorkItem } from '../work/index.ts'
import type { RunRecord } from './record.ts'

/** What a worker is told of a run that it reported of. */
export function runStanding(
  { runId, status }: Pick<RunRecord, 'runId' | 'status'>,
  item: WorkItem | undefined,
): RunStanding {
  const isRunning = item?.state === 'running'
  return {
    run_id: runId,
    status,
    cancel_requested: isRunning && item.cancelRequestedAt !== null,
    lease_expires_at: isRunning ? toIso(item.leaseExpiresAt!) : null,
  }
}

/** The refusal for a worker that has a run no more (409): it is told how that stands without it. */
export function runLeaseLost({ runId, status, attempt }: RunRecord): Failure {
  const issue = `the lease token does not hold it, or no more: stop working on it; the run is ${status}, at attempt ${attempt}`
  return fail('CONFLICT', { reason: 'lease_lost', run_id: runId, id: runId, status, attempt, issue })
}
