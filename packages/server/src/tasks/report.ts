import { type Input, type RunEnd, type RunStanding, taskLimits } from '@nexus/contract'
import { checkNumbers } from '../core/check-numbers.ts'
import type { Tx, WriteCtx } from '../core/context.ts'
import { Failure, invalid } from '../core/failure.ts'
import type { WorkItem } from '../work/index.ts'
import { foundRun, type TaskDeps } from './deps.ts'
import type { Outcome } from './executor.ts'
import { publishProgress } from './publish.ts'
import type { RunRecord } from './record.ts'
import { runLeaseLost, runStanding } from './run-standing.ts'
import { type End, endFault, takeEnds } from './take-ends.ts'

interface Held {
  run_id: string
  lease_token: string
}

/** Renews a lease, and keeps what the worker says of how far it is. Errors: NOT_FOUND, CONFLICT (`lease_lost`). */
export async function heartbeatRun(
  deps: TaskDeps,
  ctx: WriteCtx,
  { progress, checkpoint, ...held }: Input<'runs.heartbeat'>,
): Promise<RunStanding> {
  const { run, item } = await renewRun(deps, ctx, held)
  if (run.workerId !== null) deps.workers.heard(run.workerId)
  if (progress === undefined && checkpoint === undefined) return runStanding(run, item)
  const after = { ...run, progress: progress ?? run.progress, checkpoint: checkpoint ?? run.checkpoint }
  if (progress !== undefined) await publishProgress(deps, ctx.tx, after, ctx.now())
  await deps.store.saveRuns(ctx.tx, [after])
  return runStanding(after, item)
}

/** The worker is at work on it. Errors: NOT_FOUND, CONFLICT (`lease_lost`). */
export async function renewRun(
  deps: TaskDeps,
  { tx }: Pick<WriteCtx, 'tx'>,
  { run_id: id, lease_token: leaseToken }: Held,
): Promise<{ run: RunRecord; item: WorkItem }> {
  const [item] = await deps.work.report(tx, [{ id, leaseToken, kind: 'alive' }])
  if (!item || !('state' in item)) throw runLeaseLost(await foundRun(deps, id, tx))
  const [run] = await deps.store.lockRuns(tx, [id])
  return { run: run!, item }
}

/** Errors: INVALID_REQUEST (a checkpoint that is larger than may be kept, or has a number that JSON would not give back). */
export function checkCheckpoint(checkpoint: unknown): void {
  checkNumbers('checkpoint', checkpoint)
  const limit = taskLimits.checkpointBytesMax
  const bytes = Buffer.byteLength(JSON.stringify(checkpoint) ?? '')
  if (bytes > limit) throw invalid('checkpoint', `has ${bytes} bytes as JSON: at most ${limit}`)
}

/** Errors: INVALID_REQUEST (a result that is larger than may be kept). */
export function checkEnd(end: RunEnd): void {
  const fault = endFault(end)
  if (fault) throw fault
}

/** A run is done, or an attempt failed: see `takeEnds`. Errors: NOT_FOUND, CONFLICT (`lease_lost`). */
export async function endRun(deps: TaskDeps, { tx }: Pick<WriteCtx, 'tx'>, end: End): Promise<RunStanding> {
  const [answer] = await takeEnds(deps, tx, [end])
  if (answer instanceof Failure) throw answer
  return answer!
}

/**
 * One of Nexus's own handlers says how an attempt ended. What the next one has to know is written with that: were it before,
 * the run and its work would be locked before their task. Errors: NOT_FOUND, CONFLICT (`lease_lost`).
 */
export async function settleRun(deps: TaskDeps, tx: Tx, held: Held, outcome: Outcome): Promise<RunStanding> {
  if ('result' in outcome) return endRun(deps, { tx }, { ...held, result: outcome.result })
  const { error, retryable, retryAfterMs = 0, checkpoint } = outcome
  return endRun(
    deps,
    { tx },
    {
      ...held,
      error: { ...error, retryable, retry_after_seconds: retryAfterMs / 1000 },
      checkpoint,
    },
  )
}

/**
 * Keeps what the next attempt has to know, as one of Nexus's own handlers goes on. Errors: NOT_FOUND, CONFLICT (`lease_lost`).
 */
export async function keepCheckpoint(
  deps: TaskDeps,
  tx: Tx,
  { runId, leaseToken }: RunRecord,
  checkpoint: unknown,
): Promise<void> {
  const { run } = await renewRun(deps, { tx }, { run_id: runId, lease_token: leaseToken! })
  await deps.store.saveRuns(tx, [{ ...run, checkpoint }])
}
