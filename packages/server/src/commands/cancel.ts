import type { Command, Input } from '@nexus/contract'
import type { WriteCtx } from '../core/context.ts'
import { saveRollout } from './advance-rollout.ts'
import { type CommandDeps, changeableCommand, commandEnded, foundCommand } from './deps.ts'
import { type CommandRecord, isOver } from './record.ts'
import { settleExecutions } from './settle.ts'
import { shownCommands } from './shown.ts'
import { verificationCancelled } from './verify.ts'

/** Errors: NOT_FOUND, CONFLICT (`command_ended`). */
export async function cancelCommand(
  deps: CommandDeps,
  ctx: WriteCtx,
  { command_id }: Input<'commands.cancel'>,
): Promise<Command> {
  await changeableCommand(deps, ctx, command_id)
  const command = await deps.store.lock(ctx.tx, command_id)
  if (isOver(command.status)) throw commandEnded(command)
  await saveCancelled(deps, ctx, command)
  await deps.work.cancel(ctx.tx, await deps.store.liveExecutions(ctx.tx, command_id))
  await cancelVerifying(deps, ctx, command_id)
  return shownAfter(deps, ctx, command_id)
}

/** A roll-out ends with it. */
async function saveCancelled(deps: CommandDeps, { tx, now }: WriteCtx, command: CommandRecord): Promise<void> {
  const after = { ...command, cancelRequestedAt: command.cancelRequestedAt ?? now() }
  const { rolloutState: state } = after
  if (state) await saveRollout(deps, tx, after, { ...state, wakeAt: null })
  else await deps.store.save(tx, after)
}

/** Their devices have ended: there is nobody to ask. */
async function cancelVerifying(deps: CommandDeps, { tx, now }: WriteCtx, commandId: string): Promise<void> {
  const verifying = await deps.store.verifyingOf(tx, commandId)
  if (verifying.length === 0) return
  const changes = verifying.map((before) => ({ before, after: verificationCancelled(before, now()) }))
  await settleExecutions(deps, tx, changes, now())
  deps.store.afterCommit(tx, () => {
    for (const { executionId } of verifying) deps.verifications.end(executionId)
  })
}

/** A command as it is in the transaction. */
export async function shownAfter(deps: CommandDeps, ctx: WriteCtx, commandId: string): Promise<Command> {
  const [shown] = await shownCommands(deps, ctx.principal, [await foundCommand(deps, ctx, commandId)], ctx.tx)
  return shown!
}
