import type { ExecutionStanding } from '@nexus/contract'
import { toIso } from '../core/clock.ts'
import type { WriteCtx } from '../core/context.ts'
import { fail } from '../core/failure.ts'
import { leaseLost, type Report, type WorkItem } from '../work/index.ts'
import { type CommandDeps, speaksFor } from './deps.ts'
import type { ExecutionRecord } from './record.ts'

/** An execution that the caller may report of. Errors: NOT_FOUND, also where the key is not the device's. */
export async function ownExecution(deps: CommandDeps, ctx: WriteCtx, executionId: string): Promise<ExecutionRecord> {
  const [execution] = await deps.store.findExecutions([executionId], ctx.tx)
  if (!execution || !speaksFor(ctx.principal, execution.deviceId))
    throw fail('NOT_FOUND', { reason: 'no_such_execution', execution_id: executionId })
  return execution
}

/** Passes a report on to the work engine. Undefined: the lease is over. */
export async function reportWork(deps: CommandDeps, ctx: WriteCtx, said: Report): Promise<WorkItem | undefined> {
  const [reported] = await deps.work.report(ctx.tx, [said])
  return reported && 'state' in reported ? reported : undefined
}

/**
 * The device is at work on it: extends the lease. `mayChange`: whether the caller goes on to change its command, which is then
 * locked before. Returns the execution as it is then, for nobody else changes it from then
 * on until the transaction ends. Errors: NOT_FOUND, CONFLICT (`lease_lost`).
 */
export async function renewLease(
  deps: CommandDeps,
  ctx: WriteCtx,
  { execution_id, lease_token }: { execution_id: string; lease_token: string },
  mayChange: 'execution' | 'command',
): Promise<{ execution: ExecutionRecord; item: WorkItem }> {
  await ownExecution(deps, ctx, execution_id)
  if (mayChange === 'command') await deps.store.lockOf(ctx.tx, [execution_id])
  const item = await reportWork(deps, ctx, { id: execution_id, leaseToken: lease_token, kind: 'alive' })
  if (!item) throw leaseLost(execution_id)
  return { execution: await ownExecution(deps, ctx, execution_id), item }
}

export function executionStanding(
  { executionId, status }: ExecutionRecord,
  item: WorkItem | undefined,
): ExecutionStanding {
  const expiresAt = item?.leaseExpiresAt ?? null
  return {
    execution_id: executionId,
    status,
    cancel_requested: item?.state === 'running' && item.cancelRequestedAt !== null,
    lease_expires_at: expiresAt === null ? null : toIso(expiresAt),
  }
}

/** It has begun, which whatever a device says of it implies. */
export function begun(execution: ExecutionRecord, now: number): ExecutionRecord {
  const { deliveredAt, startedAt, subStatus } = execution
  return {
    ...execution,
    status: 'running',
    subStatus: subStatus === 'cancelling' ? subStatus : 'executing',
    deliveredAt: deliveredAt ?? now,
    startedAt: startedAt ?? now,
  }
}
