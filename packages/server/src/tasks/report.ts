import { isDeepStrictEqual } from 'node:util'
import { type Input, type RunStanding, taskLimits } from '@nexus/contract'
import { toIso } from '../core/clock.ts'
import type { Tx, WriteCtx } from '../core/context.ts'
import { fail, invalid } from '../core/failure.ts'
import type { AttemptError, Report, WorkItem } from '../work/index.ts'
import { foundRun, type Said, type TaskDeps } from './deps.ts'
import { publishProgress } from './publish.ts'
import type { RunRecord } from './record.ts'

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
  const item = await reportWork(deps, tx, { id, leaseToken, kind: 'alive' })
  if (!item) throw leaseLost(await foundRun(deps, id, tx))
  const [run] = await deps.store.lockRuns(tx, [id])
  return { run: run!, item }
}

/** Errors: INVALID_REQUEST (a checkpoint, or a result, that is larger than may be kept). */
export function checkSize(field: 'checkpoint' | 'result', value: unknown): void {
  const limit = field === 'checkpoint' ? taskLimits.checkpointBytesMax : taskLimits.resultBytesMax
  const bytes = Buffer.byteLength(JSON.stringify(value) ?? '')
  if (bytes > limit) throw invalid(field, `has ${bytes} bytes as JSON: at most ${limit}`)
}

/** A run is done. The same again is answered as the first time. Errors: NOT_FOUND, CONFLICT (`lease_lost`). */
export async function completeRun(
  deps: TaskDeps,
  ctx: Pick<WriteCtx, 'tx'>,
  { result = null, ...held }: Input<'runs.complete'>,
): Promise<RunStanding> {
  return ended(deps, ctx.tx, held, { result, error: null }, { kind: 'completed' })
}

/**
 * An attempt failed: another one follows, or that was the last. One that was asked to stop has. Errors: NOT_FOUND, CONFLICT (`lease_lost`).
 */
export async function failRun(
  deps: TaskDeps,
  ctx: Pick<WriteCtx, 'tx'>,
  { error: { code, message, retryable = true, retry_after_seconds = 0 }, ...held }: Input<'runs.fail'>,
): Promise<RunStanding> {
  const reason = word.test(code) ? code : 'failed'
  const error = { reason, retryable, retryAfterMs: retry_after_seconds * 1000 }
  return ended(deps, ctx.tx, held, { error: { code, message } }, { kind: 'failed', error })
}

/** What else a worker says is sealed with the error. */
const word = /^[A-Za-z][\w.-]{0,63}$/

type Outcome = { kind: 'completed' } | { kind: 'failed'; error: AttemptError }

async function ended(
  deps: TaskDeps,
  tx: Tx,
  { run_id: id, lease_token: leaseToken }: Held,
  said: Said,
  outcome: Outcome,
): Promise<RunStanding> {
  await foundRun(deps, id, tx)
  deps.told.note(tx, id, said)
  const item = await reportWork(deps, tx, { ...outcome, id, leaseToken })
  const run = await foundRun(deps, id, tx)
  if (item) return runStanding(run, item)
  if (run.leaseToken === leaseToken && isRepeat(run, said, outcome.kind)) return runStanding(run, undefined)
  throw leaseLost(run)
}

/** The worker is told how the run stands without it. */
function leaseLost({ runId, status, attempt }: RunRecord) {
  const issue = `the lease is over: stop working on it; the run is ${status}, at attempt ${attempt}`
  return fail('CONFLICT', { reason: 'lease_lost', id: runId, status, attempt, issue })
}

function isRepeat(run: RunRecord, said: Said, kind: Report['kind']): boolean {
  if (kind === 'completed') return run.status === 'completed' && isDeepStrictEqual(run.result, said.result)
  return run.status !== 'completed' && run.status !== 'running' && isDeepStrictEqual(run.error, said.error)
}

async function reportWork({ work }: TaskDeps, tx: Tx, said: Report): Promise<WorkItem | undefined> {
  const [reported] = await work.report(tx, [said])
  return reported && 'state' in reported ? reported : undefined
}

export function runStanding({ runId, status }: RunRecord, item: WorkItem | undefined): RunStanding {
  const isRunning = item?.state === 'running'
  return {
    run_id: runId,
    status,
    cancel_requested: isRunning && item.cancelRequestedAt !== null,
    lease_expires_at: isRunning ? toIso(item.leaseExpiresAt!) : null,
  }
}
