import type { ExecutionStanding, Input } from '@nexus/contract'
import type { WriteCtx } from '../core/context.ts'
import type { CommandDeps } from './deps.ts'
import { progressDataOf, publishCommand } from './publish.ts'
import type { ExecutionRecord } from './record.ts'
import { begun, executionStanding, renewLease } from './report.ts'
import { settleExecutions } from './settle.ts'

/**
 * An execution is under way; the first report makes it `running`. What is older than what was said last extends the lease
 * and changes nothing else. Errors: NOT_FOUND, CONFLICT (`lease_lost`).
 */
export async function reportProgress(
  deps: CommandDeps,
  ctx: WriteCtx,
  input: Input<'executions.progress'>,
): Promise<ExecutionStanding> {
  const { execution: before, item } = await renewLease(deps, ctx, input, 'command')
  const { seq, percent = null, message = null } = input
  const isNew = before.progress === null || seq > before.progress.seq
  if (!isNew && before.startedAt !== null) return executionStanding(before, item)
  const now = ctx.now()
  const after = { ...begun(before, now), ...(isNew && { progress: { seq, percent, message } }) }
  await settleExecutions(deps, ctx.tx, [{ before, after }], now)
  if (percent !== null || message !== null) await tell(deps, ctx, after)
  return executionStanding(after, item)
}

async function tell(deps: CommandDeps, ctx: WriteCtx, execution: ExecutionRecord): Promise<void> {
  const command = await deps.store.lock(ctx.tx, execution.commandId)
  const data = progressDataOf(command, execution)
  await publishCommand(deps, ctx.tx, command, [{ type: 'command.progress', data }], ctx.now())
  await deps.store.save(ctx.tx, command)
}
