import type { CommandSubStatus } from '@nexus/contract'
import type { WorkItem } from '../work/index.ts'
import type { ExecutionRecord } from './record.ts'

/**
 * What the work behind an execution makes of it:
 *
 *     pending (queued) -> pending (sent) -> pending (delivered) -> running (executing) -> an end
 *
 * The device's reports make it delivered, executing and completed (`report.ts`); here it is sent, given again, lost,
 * asked to stop, and ended by the clock.
 */
export function afterWork(execution: ExecutionRecord, before: WorkItem | undefined, item: WorkItem): ExecutionRecord {
  const { state, attempt, leaseToken } = item
  if (state === 'running') {
    if (before?.state === 'pending')
      return { ...execution, subStatus: 'sent', attempt, leaseToken, sentAt: item.startedAt, statusReason: null }
    if (before?.cancelRequestedAt === null && item.cancelRequestedAt !== null)
      return { ...execution, status: 'running', subStatus: 'cancelling' }
    return { ...execution, leaseToken }
  }
  if (state === 'pending') {
    if (before?.state !== 'running') return execution
    const reset = { attempt, progress: null, sentAt: null, deliveredAt: null, startedAt: null }
    return { ...execution, ...reset, status: 'pending', subStatus: null, statusReason: reasonOf(item) }
  }
  return {
    ...execution,
    status: state,
    subStatus: subStatusOf(item),
    statusReason: reasonOf(item),
    completedAt: item.endedAt,
  }
}

/** In words of commands: nobody knows what the device did in the attempt that was lost, whether another one follows or not. */
function reasonOf({ statusReason }: WorkItem): string | null {
  return statusReason === 'worker_lost' ? 'outcome_unknown' : statusReason
}

function subStatusOf(item: WorkItem): CommandSubStatus | null {
  const statusReason = reasonOf(item)
  const { state } = item
  switch (state) {
    case 'failed':
      if (statusReason === 'rejected') return 'rejected'
      return statusReason === 'outcome_unknown' ? 'outcome_unknown' : 'error'
    case 'timeout':
      return statusReason === 'not_started_in_time' ? 'delivery' : 'execution'
    case 'cancelled':
      return statusReason === 'unconfirmed' ? 'unconfirmed' : null
    default:
      return null
  }
}
