import type { CommandInput, CommandSubmitted, Input } from '@nexus/contract'
import type { Ctx, WriteCtx } from '../core/context.ts'
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
  if (missing.length === 0)
    throw fail('CONFLICT', { reason: 'nothing_to_retry', issue: 'the command completed on every device' })
  const input = inputOf(command)
  const plan = await prepareSubmit(deps, ctx, { ...input, target: { device_id: missing[0]! } })
  const standing = await deps.devices.standing(missing)
  return { input, plan: { ...plan, targets: new Map(missing.map((id) => [id, standing.get(id)])) } }
}

export function retryCommand(
  deps: CommandDeps,
  ctx: WriteCtx,
  { command_id }: Input<'commands.retry'>,
  { input, plan }: RetryPlan,
): Promise<CommandSubmitted> {
  return submitCommand(deps, ctx, input, plan, command_id)
}

/** The devices on which it did not complete. */
async function missed({ store }: CommandDeps, { commandId }: CommandRecord): Promise<string[]> {
  const ids: string[] = []
  for (let after: number | undefined; ; ) {
    const found = await store.executions({ commandId, status: undefined, after, limit: pageSize })
    ids.push(...found.filter(({ status }) => status !== 'completed').map(({ deviceId }) => deviceId))
    if (found.length < pageSize) return ids
    after = found.at(-1)!.position
  }
}

function inputOf(command: CommandRecord): CommandInput {
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
    ...(callbackUrl !== null && { callback_url: callbackUrl, callback_events: callbackEvents! }),
  }
}
