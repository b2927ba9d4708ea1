import { commandLimits, type ExecutionStanding, type Input } from '@nexus/contract'
import { toIso } from '../core/clock.ts'
import type { WriteCtx } from '../core/context.ts'
import { keepable } from '../core/log-lines.ts'
import type { CommandDeps } from './deps.ts'
import { begun, executionStanding, lockAndRenew } from './report.ts'
import { settleExecutions } from './settle.ts'

/** Keeps what an execution logged, up to a mebibyte of it; the rest is counted. Errors: NOT_FOUND, CONFLICT (`lease_lost`). */
export async function logExecution(
  deps: CommandDeps,
  ctx: WriteCtx,
  input: Input<'executions.logs'>,
): Promise<ExecutionStanding> {
  const { execution: before, item } = await lockAndRenew(deps, ctx, input)
  const now = ctx.now()
  const { kept, log } = keepable(before.log, input.lines, commandLimits.logBytesMax)
  const after = { ...begun(before, now, input.elapsed_ms), log }
  await settleExecutions(deps, ctx.tx, [{ before, after }], now)
  const { executionId: execution_id, deviceId: device_id } = before
  const lines = kept.map(({ at = toIso(now), level = 'info', message }) => ({
    execution_id,
    device_id,
    at: toIso(Date.parse(at)),
    level,
    message,
  }))
  await deps.store.addLog(ctx.tx, before, lines)
  return executionStanding(after, item)
}
