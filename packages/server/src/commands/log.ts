import { commandLimits, type ExecutionStanding, type Input } from '@nexus/contract'
import { toIso } from '../core/clock.ts'
import type { WriteCtx } from '../core/context.ts'
import type { CommandDeps } from './deps.ts'
import type { ExecutionRecord } from './record.ts'
import { begun, executionStanding, renewLease } from './report.ts'
import { settleExecutions } from './settle.ts'

/** Keeps what an execution logged, up to a mebibyte of it; the rest is counted. Errors: NOT_FOUND, CONFLICT (`lease_lost`). */
export async function logExecution(
  deps: CommandDeps,
  ctx: WriteCtx,
  input: Input<'executions.logs'>,
): Promise<ExecutionStanding> {
  const { execution: before, item } = await renewLease(deps, ctx, input)
  const now = ctx.now()
  const kept = keepable(before, input.lines)
  const dropped = before.log.dropped + input.lines.length - kept.length
  const log = { lines: before.log.lines + kept.length, bytes: before.log.bytes + bytesOf(kept), dropped }
  const after = { ...begun(before, now), log }
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

/** What a line takes beside its message. */
const lineBytes = 200

type Lines = Input<'executions.logs'>['lines']

function keepable({ log: { bytes } }: ExecutionRecord, lines: Lines): Lines {
  const kept: Lines = []
  let sum = bytes
  for (const line of lines) {
    sum += bytesOf([line])
    if (sum > commandLimits.logBytesMax) break
    kept.push(line)
  }
  return kept
}

function bytesOf(lines: Lines): number {
  return lines.reduce((sum, { message }) => sum + lineBytes + Buffer.byteLength(message), 0)
}
