import type { RunOrder } from '@nexus/contract'
import { toIso } from '../core/clock.ts'
import type { Tx } from '../core/context.ts'
import type { WorkItem } from '../work/index.ts'
import type { TaskDeps } from './deps.ts'
import type { RunRecord } from './record.ts'
import { workNameOf } from './run-work.ts'

/** What workers are told of runs that they were given, in the transaction that gave them or after it. */
export async function runOrders(
  { store }: Pick<TaskDeps, 'store'>,
  items: readonly WorkItem[],
  tx?: Tx,
): Promise<RunOrder[]> {
  const ids = items.map(({ id }) => id)
  const found = tx ? await store.findRuns(ids, tx) : await store.givenRuns(ids)
  const runs = new Map(found.map((run) => [run.runId, run]))
  return items.flatMap((item) => {
    const run = runs.get(item.id)
    return run ? [orderOf(item, run)] : []
  })
}

function orderOf(item: WorkItem, run: RunRecord): RunOrder {
  return {
    run_id: run.runId,
    task_id: run.taskId,
    name: workNameOf(run.plan),
    attempt: item.attempt,
    lease_token: item.leaseToken!,
    lease_expires_at: toIso(item.leaseExpiresAt!),
    deadline: item.deadline === null ? null : toIso(item.deadline),
    // What is given has just been leased.
    time_left_ms: item.deadline === null ? null : Math.max(0, item.deadline - item.leaseExpiresAt! + item.leaseMs),
    scheduled_for: run.scheduledFor === null ? null : toIso(run.scheduledFor),
    parameters: { ...run.parameters },
    checkpoint: run.checkpoint,
    trace_id: run.traceId,
  }
}
