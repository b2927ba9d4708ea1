import { isDeepStrictEqual } from 'node:util'
import {
  type CommandError,
  type CommandResult,
  type CommandVerify,
  commandLimits,
  type ExecutionStanding,
  type Input,
} from '@nexus/contract'
import { checkNumbers } from '../core/check-numbers.ts'
import type { Ctx, WriteCtx } from '../core/context.ts'
import { fail, invalid } from '../core/failure.ts'
import { isRecord } from '../core/labels.ts'
import { reasonWord } from '../core/reason-word.ts'
import type { Report } from '../work/index.ts'
import type { CommandDeps } from './deps.ts'
import { type ExecutionRecord, isOver } from './record.ts'
import { begunAt, executionStanding, leaseLost, ownExecution, reportWork } from './report.ts'
import { schemaFaults } from './schema.ts'
import { settleExecutions } from './settle.ts'
import { verifyingFrom, withinMs } from './verify.ts'

type ResultInput = Input<'executions.result'>

/**
 * Errors: INVALID_REQUEST (a result that is larger than may be kept, a number in it that would be altered, a `message` that is
 * no text, an error of what completed).
 */
export async function prepareResult(
  _deps: CommandDeps,
  _ctx: Ctx,
  { status, result, error }: ResultInput,
): Promise<void> {
  if (status === 'completed' && error !== undefined)
    throw invalid('error', 'goes with failed or cancelled: leave it out, or say that it failed')
  checkNumbers('result', result)
  if (isRecord(result) && result.message !== undefined && typeof result.message !== 'string')
    throw invalid('result.message', 'must be text: it shows as the message of the result')
  const bytes = Buffer.byteLength(JSON.stringify(result) ?? '')
  if (bytes > commandLimits.resultBytesMax)
    throw invalid('result', `has ${bytes} bytes as JSON: at most ${commandLimits.resultBytesMax}`)
}

/**
 * An execution has ended. The same result again is answered as the first time; one that comes after the time was over, after
 * its device was given up, or after a cancel that it did not confirm, still counts for a day. Errors: NOT_FOUND, CONFLICT
 * (`lease_lost`; `result_differs`: it is not the one that was kept).
 */
export async function reportResult(deps: CommandDeps, ctx: WriteCtx, given: ResultInput): Promise<ExecutionStanding> {
  const { execution_id: id, lease_token: leaseToken } = given
  const before = await ownExecution(deps, ctx, id)
  const { input, verify } = await judged(deps, ctx, before, given)
  const now = ctx.now()
  const isFollowed = verify !== null && followFrom(deps, ctx, before, verify, now)
  const said = { ...saidOf(before, input, now), ...(verify && verifyingFrom(before, verify, now)) }
  deps.told.note(ctx.tx, id, said)
  const item = await reportWork(deps, ctx, reportOf(id, leaseToken, input))
  // What comes too late is about the command too: nobody else changes either from here on.
  if (!item) await deps.store.lockOf(ctx.tx, [id])
  const execution = await ownExecution(deps, ctx, id)
  if (isFollowed && !(item && isVerifying(execution))) deps.verifications.end(id)
  if (item) return executionStanding(execution, item)
  const hasSpoken = isOver(execution.status) || isVerifying(execution)
  if (!hasSpoken || execution.leaseToken !== leaseToken) throw leaseLost(execution)
  if (isSaid(execution) || isNoNews(execution, input)) {
    if (!isSame(execution, input)) throw resultDiffers(execution)
    return executionStanding(execution, undefined)
  }
  if (!mayBeLate(execution, now)) throw leaseLost(execution)
  const after = lateResult(execution, input, now)
  await settleExecutions(deps, ctx.tx, [{ before: execution, after }], now)
  return executionStanding(after, undefined)
}

/** A success as its command takes it: what is against the definition is none, and what has to be verified is none yet. */
async function judged(
  { store }: CommandDeps,
  { tx }: WriteCtx,
  { commandId }: ExecutionRecord,
  input: ResultInput,
): Promise<{ input: ResultInput; verify: CommandVerify | null }> {
  if (input.status !== 'completed') return { input, verify: null }
  const [command] = await store.find([commandId], tx)
  const [fault] = command?.resultSchema ? schemaFaults(command.resultSchema, input.result ?? null, 'result') : []
  if (!fault) return { input, verify: command?.verify ?? null }
  const error = { code: 'result_against_definition', message: `${fault.field} ${fault.issue}` }
  return { input: { ...input, status: 'failed', error }, verify: null }
}

function isVerifying({ subStatus }: ExecutionRecord): boolean {
  return subStatus === 'verifying'
}

function followFrom(
  { verifications }: CommandDeps,
  { tx }: WriteCtx,
  { executionId, commandId, deviceId }: ExecutionRecord,
  verify: CommandVerify,
  now: number,
): boolean {
  return verifications.begin(tx, { executionId, commandId, deviceId, verify, verifyBy: now + withinMs(verify) })
}

function saidOf(before: ExecutionRecord, input: ResultInput, now: number) {
  const sinceGiven = now - (before.deliveredAt ?? before.sentAt ?? now)
  const startedAt = begunAt(before, input.elapsed_ms ?? sinceGiven, now)
  // What was done while the server was away took no longer than it did.
  const durationMs = Math.min(now - startedAt, input.duration_ms ?? Number.POSITIVE_INFINITY)
  return { startedAt, result: shownResult(input, durationMs), error: errorOf(input) }
}

function errorOf({ status, error }: ResultInput): CommandError | null {
  if (status === 'completed') return null
  return error ?? (status === 'failed' ? { code: 'failed', message: 'The device reported a failure' } : null)
}

/** As the specification shows a result: the device's own fields, whether it succeeded, and how long it took. */
function shownResult(input: ResultInput, durationMs: number): CommandResult {
  const own = isRecord(input.result) ? input.result : input.result === undefined ? {} : { data: input.result }
  const message = errorOf(input)?.message
  const outcome = { success: input.status === 'completed', duration_ms: Math.max(0, durationMs) }
  const first: Partial<CommandResult> = { success: outcome.success, ...(message !== undefined && { message }) }
  return { ...first, ...own, ...outcome }
}

function reportOf(id: string, leaseToken: string, { status, error }: ResultInput): Report {
  if (status !== 'failed') return { id, leaseToken, kind: status }
  return { id, leaseToken, kind: 'failed', error: { reason: reasonWord(error?.code), retryable: false } }
}

/** Whether it stands as its device said, and not as the clock, or a cancel without the device, has ended it. */
function isSaid({ status, subStatus, result, verifyBy, late }: ExecutionRecord): boolean {
  // Of one that was verified the device said that it completed, whatever came of that.
  if (late || verifyBy !== null || subStatus === 'rejected') return true
  return result !== null && !isUnknown({ status, subStatus })
}

/** Of one that was cancelled while no device had it, one that had it before says that it is. */
function isNoNews(execution: ExecutionRecord, { status, result, error }: ResultInput): boolean {
  const isCancelled = execution.status === 'cancelled' && status === 'cancelled' && !isUnknown(execution)
  return isCancelled && result === undefined && error === undefined
}

/** How long it took is ours, and so is how one ends that was asked to stop: as cancelled, whatever its device says. */
function isSame({ status, result, error, verifyBy }: ExecutionRecord, input: ResultInput): boolean {
  const isSameStatus = (verifyBy === null ? status : 'completed') === input.status || status === 'cancelled'
  if (result === null) return isSameStatus && input.result === undefined && input.error === undefined
  const { duration_ms: _, ...before } = result
  const { duration_ms: __, ...now } = shownResult(input, 0)
  const isSameError = verifyBy !== null || isDeepStrictEqual(error, errorOf(input))
  return isSameStatus && isSameError && isDeepStrictEqual(before, JSON.parse(JSON.stringify(now)))
}

function resultDiffers({ executionId, status }: ExecutionRecord) {
  const issue = `the execution has ended: it is ${status}, with another result than this one, and that stays`
  return fail('CONFLICT', { reason: 'result_differs', execution_id: executionId, issue })
}

/** The device was too slow, given up, or did not confirm that it stopped: what it says now is news. */
function mayBeLate(execution: ExecutionRecord, now: number): boolean {
  const { completedAt } = execution
  return isUnknown(execution) && completedAt !== null && now - completedAt <= commandLimits.lateHours * 3_600_000
}

function isUnknown({ status, subStatus }: Pick<ExecutionRecord, 'status' | 'subStatus'>): boolean {
  switch (status) {
    case 'timeout':
      return subStatus === 'execution'
    case 'failed':
      return subStatus === 'outcome_unknown'
    case 'cancelled':
      return subStatus === 'unconfirmed'
    default:
      return false
  }
}

function lateResult(execution: ExecutionRecord, input: ResultInput, now: number): ExecutionRecord {
  const said = saidOf(execution, input, now)
  return {
    ...execution,
    ...said,
    // It ended when its time was over, however long its device was at it after that.
    startedAt: Math.min(said.startedAt, execution.completedAt!),
    status: input.status,
    subStatus: input.status === 'failed' ? 'error' : null,
    statusReason: lateReasonOf(input),
    late: true,
  }
}

function lateReasonOf({ status, error }: ResultInput): string | null {
  if (status === 'failed') return reasonWord(error?.code)
  return status === 'cancelled' ? status : null
}
