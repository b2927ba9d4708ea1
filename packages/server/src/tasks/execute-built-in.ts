import type { Input } from '@nexus/contract'
import { taskLimits } from '@nexus/contract'
import type { Ctx, Tx } from '../core/context.ts'
import { durationMs } from '../core/duration.ts'
import { Failure } from '../core/failure.ts'
import { cancelConfirmMs } from '../work/index.ts'
import { endError, keyRevoked, refusalError } from './end-error.ts'
import { type Outcome, RunOver } from './executor.ts'
import { httpResult } from './http-result.ts'
import type { Acting, HttpSender } from './ports.ts'
import type { RunPlan, RunRecord } from './record.ts'

export interface BuiltInDeps {
  acting: Acting
  http: HttpSender
  /** Keeps what the next attempt has to know. Errors: CONFLICT (`lease_lost`). */
  keepCheckpoint(tx: Tx, run: RunRecord, checkpoint: unknown): Promise<void>
  now(): number
}

type Handler<Type extends RunPlan['handler']['type']> = Extract<RunPlan['handler'], { type: Type }>

/** Does the work of a run that no worker does, with the rights of its key. Rejects when `signal` is aborted. */
export async function executeBuiltIn(
  deps: BuiltInDeps,
  run: RunRecord,
  signal: AbortSignal,
  stopping: AbortSignal,
): Promise<Outcome> {
  const principal = await deps.acting.principal(run.keyId)
  if (!principal) return { error: endError('failed', keyRevoked)!, retryable: false }
  const { handler } = run.plan
  const ctx: Ctx = {
    principal,
    requestId: run.runId,
    traceId: run.traceId,
    ...(run.firstEventId !== null && { causeId: run.firstEventId }),
    now: () => deps.now(),
    signal,
  }
  try {
    switch (handler.type) {
      case 'http':
        return await request(deps, run, handler, signal)
      case 'command':
        return await command(deps, { ...ctx, stopping }, run, handler)
      case 'telemetry_query':
        return await query(deps, ctx, handler)
      case 'worker':
        return failed('no_handler', 'It is for a worker', false)
      default:
        return handler satisfies never
    }
  } catch (cause) {
    if (signal.aborted || !(cause instanceof Failure)) throw cause
    const { code, message, isPassing } = refusalError(cause)
    return failed(code, message, isPassing)
  }
}

async function request(
  { http }: BuiltInDeps,
  run: RunRecord,
  { url, method = 'POST', headers = {}, expect = '2xx' }: Handler<'http'>,
  signal: AbortSignal,
): Promise<Outcome> {
  const body = method === 'GET' || method === 'DELETE' ? undefined : JSON.stringify(run.parameters ?? {})
  const answerBytesMax = taskLimits.resultBytesMax
  const sent = { id: run.runId, method, url, headers, body, traceId: run.traceId, answerBytesMax }
  const { error, statusCode, response, isWhole, retryAfterMs } = await http.send(run.keyId, sent, signal)
  if (statusCode === null) return failed(error ?? 'connection_lost', `${method} ${error}`, true)
  const isExpected = expect.endsWith('xx') ? String(statusCode)[0] === expect[0] : String(statusCode) === expect
  if (isExpected) return { result: httpResult(statusCode, response, isWhole) }
  const isLasting = statusCode >= 400 && statusCode < 500 && ![408, 425, 429].includes(statusCode)
  return { ...failed('unexpected_status', `answered ${statusCode}, expected ${expect}`, !isLasting), retryAfterMs }
}

/** Submits the command, or waits for the one that an attempt before has submitted. */
async function command(
  deps: BuiltInDeps,
  ctx: Ctx & { stopping: AbortSignal },
  run: RunRecord,
  handler: Handler<'command'>,
): Promise<Outcome> {
  const { acting } = deps
  const { command_id = await submitted(deps, ctx, run, handler) } = (run.checkpoint ?? {}) as Partial<Submitted>
  const ended = await acting.commandEnd(command_id, ctx.signal)
  if (!ended) {
    if (!ctx.signal.aborted) return failed('command_gone', `the command ${command_id} is not kept any more`, false)
    if (ctx.signal.reason instanceof RunOver) await cancelCommand(acting, ctx, command_id)
    throw ctx.signal.reason
  }
  const { status, result, error, summary } = ended
  if (status === 'completed')
    return { result: { command_id, status, ...(result && { result }), ...(summary && { summary }) } }
  // The next attempt submits one anew; but somebody wanted that one not to be done.
  const isRetryable = status !== 'cancelled'
  const message = error?.message ?? `the command ${command_id} ended as ${status}`
  return { ...failed(`command_${status}`, message, isRetryable), checkpoint: null }
}

interface Submitted {
  command_id: string
}

/** That it was is kept in its own transaction, under the lease: whoever takes the run over finds it, however much later. */
async function submitted(
  { acting, keepCheckpoint }: BuiltInDeps,
  ctx: Ctx,
  run: RunRecord,
  { command, target }: Handler<'command'>,
): Promise<string> {
  const input: Input<'commands.execute'> = { command, target, parameters: { ...run.parameters } }
  const { command_id } = await acting.invoke('commands.execute', ctx, input, {
    within: (tx, { command_id }) => keepCheckpoint(tx, run, { command_id } satisfies Submitted),
  })
  return command_id
}

/** It ends with its run: its devices are told, and have their time to confirm. */
async function cancelCommand(
  acting: Acting,
  { stopping, ...ctx }: Ctx & { stopping: AbortSignal },
  command_id: string,
): Promise<void> {
  const signal = AbortSignal.any([stopping, AbortSignal.timeout(cancelWaitMs)])
  try {
    await acting.invoke('commands.cancel', { ...ctx, signal }, { command_id })
    await acting.commandEnd(command_id, signal)
  } catch (cause) {
    // It has ended by itself.
    if (!(cause instanceof Failure)) throw cause
  }
}

/** Less than this run itself has, from when it was told, to confirm that it ends. */
const cancelWaitMs = cancelConfirmMs - 2000

async function query({ acting, now }: BuiltInDeps, ctx: Ctx, { query }: Handler<'telemetry_query'>): Promise<Outcome> {
  const { last, ...asked } = query
  const end = now()
  const input = {
    ...asked,
    start_time: new Date(end - durationMs(last)).toISOString(),
    end_time: new Date(end).toISOString(),
  } as Input<'telemetry.query'>
  const { data, total_points } = await acting.invoke('telemetry.query', ctx, input)
  const result = { start_time: input.start_time, end_time: input.end_time, data, total_points }
  const bytes = Buffer.byteLength(JSON.stringify(result))
  if (bytes > taskLimits.resultBytesMax)
    return failed(
      'result_too_large',
      `has ${bytes} bytes as JSON, at most ${taskLimits.resultBytesMax}: ask for a coarser interval`,
      false,
    )
  return { result }
}

function failed(code: string, message: string, retryable: boolean) {
  return { error: { code, message: message.slice(0, taskLimits.messageLengthMax) }, retryable }
}
