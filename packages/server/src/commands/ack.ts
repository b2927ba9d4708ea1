import type { ExecutionStanding, Input } from '@nexus/contract'
import type { WriteCtx } from '../core/context.ts'
import type { CommandDeps } from './deps.ts'
import { executionStanding, leaseLost, ownExecution, renewLease, reportWork } from './report.ts'

/** An execution has reached its device, or is rejected by it and so ends. Errors: NOT_FOUND, CONFLICT (`lease_lost`). */
export async function ackExecution(
  deps: CommandDeps,
  ctx: WriteCtx,
  input: Input<'executions.ack'>,
): Promise<ExecutionStanding> {
  if (input.status === 'rejected') return reject(deps, ctx, input)
  const { execution, item } = await renewLease(deps, ctx, input)
  if (execution.deliveredAt !== null) return executionStanding(execution, item)
  const subStatus = execution.subStatus === 'sent' ? 'delivered' : execution.subStatus
  const after = { ...execution, deliveredAt: ctx.now(), subStatus }
  await deps.store.saveExecutions(ctx.tx, [after])
  return executionStanding(after, item)
}

async function reject(
  deps: CommandDeps,
  ctx: WriteCtx,
  { execution_id, lease_token, reason = 'The device rejected the command' }: Input<'executions.ack'>,
): Promise<ExecutionStanding> {
  await ownExecution(deps, ctx, execution_id)
  deps.told.note(ctx.tx, execution_id, { error: { code: 'rejected', message: reason } })
  const item = await reportWork(deps, ctx, {
    id: execution_id,
    leaseToken: lease_token,
    kind: 'failed',
    error: { reason: 'rejected', retryable: false },
  })
  const execution = await ownExecution(deps, ctx, execution_id)
  if (!item) throw leaseLost(execution)
  return executionStanding(execution, item)
}
