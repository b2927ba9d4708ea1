import type { CommandInput, CommandSubmitted, Input } from '@nexus/contract'
import type { Ctx, Principal, Tx, WriteCtx } from '../core/context.ts'
import { fail } from '../core/failure.ts'
import { authoriseCategory, type CommandDeps, foundCommand } from './deps.ts'
import { type Plan, prepareSubmit } from './prepare-submit.ts'
import { type CommandRecord, isOver } from './record.ts'
import { submitCommand } from './submit.ts'

export interface RetryPlan {
  input: CommandInput
  plan: Plan
}

const pageSize = 1000

/** Errors: NOT_FOUND, CONFLICT (`command_live`: it has not ended; `nothing_to_retry`: it completed everywhere). */
export async function prepareRetry(
  deps: CommandDeps,
  ctx: Ctx,
  { command_id }: Input<'commands.retry'>,
): Promise<RetryPlan> {
  const command = await foundCommand(deps, ctx, command_id)
  authoriseCategory(ctx.principal, command.category)
  if (!isOver(command.status))
    throw fail('CONFLICT', { reason: 'command_live', issue: `the command has not ended: it is ${command.status}` })
  const missing = await missed(deps, command)
  if (missing.length === 0) throw nothingToRetry()
  const input = inputOf(ctx.principal, command)
  return { input, plan: await prepareSubmit(deps, ctx, input, missing) }
}

/** Errors: CONFLICT (`retry_live`: one that has not ended is there; `nothing_to_retry`: a late result came meanwhile). */
export async function retryCommand(
  deps: CommandDeps,
  ctx: WriteCtx,
  { command_id }: Input<'commands.retry'>,
  { input, plan }: RetryPlan,
): Promise<CommandSubmitted> {
  const command = await deps.store.lock(ctx.tx, command_id)
  const live = await deps.store.liveRetry(ctx.tx, command_id)
  if (live !== undefined)
    throw fail('CONFLICT', { reason: 'retry_live', command_id: live, issue: `its retry ${live} has not ended` })
  const missing = new Set(await missed(deps, command, ctx.tx))
  const targets = new Map([...plan.targets].filter(([deviceId]) => missing.has(deviceId)))
  if (targets.size === 0) throw nothingToRetry()
  return submitCommand(deps, ctx, input, { ...plan, targets }, command_id)
}

function nothingToRetry() {
  return fail('CONFLICT', { reason: 'nothing_to_retry', issue: 'the command completed on every device' })
}

/** The devices on which it did not complete. */
async function missed({ store }: CommandDeps, { commandId }: CommandRecord, tx?: Tx): Promise<string[]> {
  const ids: string[] = []
  for (let after: number | undefined; ; ) {
    const found = await store.executions({ commandId, status: undefined, after, limit: pageSize }, tx)
    ids.push(...found.filter(({ status }) => status !== 'completed').map(({ deviceId }) => deviceId))
    if (found.length < pageSize) return ids
    after = found.at(-1)!.position
  }
}

/** The server that is called back has the secret of the key that submitted it: another key's retry calls nobody. */
function inputOf({ keyId }: Principal, command: CommandRecord): CommandInput {
  const { rollout, verify, callbackUrl, callbackEvents } = command
  return {
    command: command.name,
    category: command.category,
    target: command.target,
    parameters: command.parameters,
    priority: command.priority,
    timeout_seconds: command.timeoutMs / 1000,
    delivery: { ...command.delivery, mode: 'queue' },
    ...(rollout && { rollout }),
    ...(verify && { verify }),
    ...(callbackUrl !== null &&
      command.keyId === keyId && { callback_url: callbackUrl, callback_events: callbackEvents! }),
  }
}
