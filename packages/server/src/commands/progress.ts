import type { ExecutionStanding, Input } from '@nexus/contract'
import type { Tx, WriteCtx } from '../core/context.ts'
import type { CommandDeps } from './deps.ts'
import { progressDataOf, publishCommand } from './publish.ts'
import type { CommandRecord, ExecutionRecord } from './record.ts'
import { begun, executionStanding, lockAndRenew } from './report.ts'
import { settleExecutions } from './settle.ts'

/**
 * An execution is under way; the first report makes it `running`. What is older than what was said last extends the lease
 * and changes nothing else. It is told once a second at most; see `ProgressNews`. Errors: NOT_FOUND, CONFLICT (`lease_lost`).
 */
export async function reportProgress(
  deps: CommandDeps,
  ctx: WriteCtx,
  input: Input<'executions.progress'>,
): Promise<ExecutionStanding> {
  const { execution: before, item } = await lockAndRenew(deps, ctx, input)
  const { seq, percent = null, message = null } = input
  const isNew = before.progress === null || seq > before.progress.seq
  if (!isNew && before.startedAt !== null) return executionStanding(before, item)
  const now = ctx.now()
  const after = { ...begun(before, now, input.elapsed_ms), ...(isNew && { progress: { seq, percent, message } }) }
  await settleExecutions(deps, ctx.tx, [{ before, after }], now)
  if (percent === null && message === null) return executionStanding(after, item)
  if (deps.progress.admits(after.executionId))
    await tellProgress(deps, ctx.tx, await deps.store.lock(ctx.tx, after.commandId), after)
  else deps.store.afterCommit(ctx.tx, () => deps.progress.later(after))
  return executionStanding(after, item)
}

export async function tellProgress(
  deps: CommandDeps,
  tx: Tx,
  command: CommandRecord,
  execution: ExecutionRecord,
): Promise<void> {
  const data = progressDataOf(command, execution)
  await publishCommand(deps, tx, command, [{ type: 'command.progress', data }], deps.now())
  await deps.store.save(tx, command)
}
