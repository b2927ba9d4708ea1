import { type Input, type RunStanding, taskLimits } from '@nexus/contract'
import { toIso } from '../core/clock.ts'
import type { WriteCtx } from '../core/context.ts'
import { keepable } from '../core/log-lines.ts'
import type { TaskDeps } from './deps.ts'
import { renewRun } from './report.ts'
import { runStanding } from './run-standing.ts'

/** Keeps what a run logged, up to a mebibyte of it; the rest is counted. Errors: NOT_FOUND, CONFLICT (`lease_lost`). */
export async function logRun(
  deps: TaskDeps,
  ctx: WriteCtx,
  { lines, ...held }: Input<'runs.logs.add'>,
): Promise<RunStanding> {
  const { run, item } = await renewRun(deps, ctx, held)
  const now = ctx.now()
  const { kept, log } = keepable(run.log, lines, taskLimits.logBytesMax)
  const records = kept.map(({ at, level = 'info', message }) => ({
    attempt: run.attempt,
    at: toIso(at === undefined ? now : Date.parse(at)),
    level,
    message,
  }))
  await deps.store.addLog(ctx.tx, run, records)
  await deps.store.saveRuns(ctx.tx, [{ ...run, log }])
  return runStanding(run, item)
}
