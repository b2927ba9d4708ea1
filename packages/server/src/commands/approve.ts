import type { Command, Input } from '@nexus/contract'
import { holds, type WriteCtx } from '../core/context.ts'
import { fail } from '../core/failure.ts'
import { advanceRollout } from './advance-rollout.ts'
import { shownAfter } from './cancel.ts'
import { type CommandDeps, changeableCommand, commandEnded } from './deps.ts'
import { type CommandRecord, isOver } from './record.ts'

/**
 * Lets a command go that waits for consent; its time to be delivered counts from now. Errors: NOT_FOUND, CONFLICT, FORBIDDEN
 * (`own_command`; the key is bound to a device that it is not for alone).
 */
export async function approveCommand(
  deps: CommandDeps,
  ctx: WriteCtx,
  { command_id }: Input<'commands.approve'>,
): Promise<Command> {
  const command = await awaiting(deps, ctx, command_id)
  if (command.keyId === ctx.principal.keyId && !holds(ctx.principal, 'admin'))
    throw fail('FORBIDDEN', {
      reason: 'own_command',
      issue: 'another key than the one that submitted it has to approve it',
    })
  const approved: CommandRecord = { ...command, subStatus: null, approvedBy: ctx.principal.keyId }
  await deps.store.save(ctx.tx, approved)
  const live = await deps.store.liveExecutions(ctx.tx, command_id)
  if (command.rollout) {
    await deps.work.hold(ctx.tx, live, { reason: 'rollout' }, null)
    await advanceRollout(deps, ctx.tx, approved, ctx.now())
  } else await deps.work.hold(ctx.tx, live, null, ctx.now() + command.delivery.ttl_seconds * 1000)
  return shownAfter(deps, ctx, command_id)
}

/** Refuses consent: the command ends as cancelled, and no device was given it. Errors: NOT_FOUND, CONFLICT. */
export async function rejectCommand(
  deps: CommandDeps,
  ctx: WriteCtx,
  { command_id }: Input<'commands.reject'>,
): Promise<Command> {
  const command = await awaiting(deps, ctx, command_id)
  await deps.store.save(ctx.tx, { ...command, subStatus: null, statusReason: 'approval_rejected' })
  await deps.work.cancel(ctx.tx, await deps.store.liveExecutions(ctx.tx, command_id))
  return shownAfter(deps, ctx, command_id)
}

async function awaiting(deps: CommandDeps, ctx: WriteCtx, commandId: string): Promise<CommandRecord> {
  await changeableCommand(deps, ctx, commandId)
  const command = await deps.store.lock(ctx.tx, commandId)
  if (isOver(command.status)) throw commandEnded(command)
  if (command.subStatus === 'awaiting_approval') return command
  throw fail('CONFLICT', { reason: 'not_awaiting_approval', issue: 'the command does not wait for approval' })
}
