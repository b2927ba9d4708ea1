import { commandLimits, type ExecutionStanding } from '@nexus/contract'
import { toIsoOrNull } from '../core/clock.ts'
import type { WriteCtx } from '../core/context.ts'
import { type Failure, fail } from '../core/failure.ts'
import type { Report, WorkItem } from '../work/index.ts'
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

/** What a device reports of, and under which lease. */
interface Reporting {
  execution_id: string
  lease_token: string
}

/** An execution whose lease was extended: nobody else changes it until the transaction ends. */
interface Renewed {
  execution: ExecutionRecord
  item: WorkItem
}

/** Extends the lease of an execution on which its device is at work. Errors: NOT_FOUND, CONFLICT (`lease_lost`). */
export async function renewLease(deps: CommandDeps, ctx: WriteCtx, report: Reporting): Promise<Renewed> {
  await ownExecution(deps, ctx, report.execution_id)
  return renewed(deps, ctx, report)
}

/** The same for a report that changes the command too, which is locked before, as the engine's order of locks wants it. */
export async function lockAndRenew(deps: CommandDeps, ctx: WriteCtx, report: Reporting): Promise<Renewed> {
  await ownExecution(deps, ctx, report.execution_id)
  await deps.store.lockOf(ctx.tx, [report.execution_id])
  return renewed(deps, ctx, report)
}

async function renewed(deps: CommandDeps, ctx: WriteCtx, { execution_id, lease_token }: Reporting): Promise<Renewed> {
  const item = await reportWork(deps, ctx, { id: execution_id, leaseToken: lease_token, kind: 'alive' })
  if (!item) throw leaseLost(await ownExecution(deps, ctx, execution_id))
  return { execution: await ownExecution(deps, ctx, execution_id), item }
}

/** The refusal for a device that has an execution no more (409): it is told how that stands without it. */
export function leaseLost({ executionId, status, attempt }: ExecutionRecord): Failure {
  const issue = `the lease token does not hold it, or no more: stop working on it; the execution is ${status}, at attempt ${attempt}`
  const details = { execution_id: executionId, id: executionId, status, attempt, issue }
  return fail('CONFLICT', { reason: 'lease_lost', ...details })
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
    lease_expires_at: toIsoOrNull(expiresAt),
  }
}

const hourMs = 3_600_000

/** When it began, by how long its device has been at it. Of what was lost nobody knows any more when it was given. */
export function begunAt({ startedAt, sentAt }: ExecutionRecord, elapsedMs: number, now: number): number {
  const given = sentAt ?? now - commandLimits.lateHours * hourMs
  return startedAt ?? Math.min(now, Math.max(now - elapsedMs, given))
}

/** It has begun, which whatever a device says of it implies. */
export function begun(execution: ExecutionRecord, now: number, elapsedMs = 0): ExecutionRecord {
  const { deliveredAt, subStatus } = execution
  const startedAt = begunAt(execution, elapsedMs, now)
  return {
    ...execution,
    status: 'running',
    subStatus: subStatus === 'cancelling' ? subStatus : 'executing',
    deliveredAt: deliveredAt ?? startedAt,
    startedAt,
  }
}
