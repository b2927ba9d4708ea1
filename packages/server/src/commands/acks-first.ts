import type { WorkItem } from '../work/index.ts'
import type { ExecutionRecord } from './record.ts'

/** The mark of the leases of a device that begins an execution only once its ack is confirmed; see `Claim.mark`. */
export function leaseMarkOf(acksFirst: boolean | undefined): string | undefined {
  return acksFirst ? acksFirstMark : undefined
}

/** Whether the device that has the lease certainly has not begun. */
export function isUnbegun({ deliveredAt }: ExecutionRecord, { leaseToken }: WorkItem): boolean {
  return deliveredAt === null && leaseToken !== null && leaseToken.startsWith(`${acksFirstMark}-`)
}

const acksFirstMark = 'ack'
