import type { Input, Output } from '@nexus/contract'
import type { WriteCtx } from '../core/context.ts'
import type { TaskDeps } from './deps.ts'

/** What the lease tokens of a poll begin with. */
export function leaseMark(pollId: string): string {
  return `lease-${pollId}`
}

/** Gives back what a worker was given by polls whose answers never came; the attempts do not count. */
export async function releaseRuns(
  { store, work, workers }: TaskDeps,
  { tx }: Pick<WriteCtx, 'tx'>,
  { worker_id, poll_ids }: Input<'workers.release'>,
): Promise<Output<'workers.release'>> {
  // What is being claimed for them is given back when it has been.
  workers.release(poll_ids)
  const marks = poll_ids.map((pollId) => `${leaseMark(pollId)}-`)
  const held = (await store.leasedBy(tx, worker_id)).filter(({ leaseToken }) =>
    marks.some((mark) => leaseToken.startsWith(mark)),
  )
  const said = held.map(({ runId: id, leaseToken }) => ({ id, leaseToken, kind: 'unheard' as const }))
  await work.report(tx, said)
  const runs = await store.findRuns(
    held.map(({ runId }) => runId),
    tx,
  )
  return { runs: runs.map(({ runId, status }) => ({ run_id: runId, status })) }
}
