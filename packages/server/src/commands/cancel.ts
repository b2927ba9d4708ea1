import type { Command, Input } from '@nexus/contract'
import type { WriteCtx } from '../core/context.ts'
import { type CommandDeps, commandEnded, foundCommand } from './deps.ts'
import { isOver } from './record.ts'
import { shownCommands } from './shown.ts'

/** Errors: NOT_FOUND, CONFLICT (`command_ended`). */
export async function cancelCommand(
  deps: CommandDeps,
  ctx: WriteCtx,
  { command_id }: Input<'commands.cancel'>,
): Promise<Command> {
  await foundCommand(deps, ctx, command_id)
  const command = await deps.store.count(ctx.tx, command_id, {})
  if (isOver(command.status)) throw commandEnded(command)
  await deps.store.save(ctx.tx, { ...command, cancelRequestedAt: command.cancelRequestedAt ?? ctx.now() })
  await deps.work.cancel(ctx.tx, await deps.store.liveExecutions(ctx.tx, command_id))
  return shownAfter(deps, ctx, command_id)
}

/** A command as it is in the transaction. */
export async function shownAfter(deps: CommandDeps, ctx: WriteCtx, commandId: string): Promise<Command> {
  const [shown] = await shownCommands(deps, [await foundCommand(deps, ctx, commandId)], ctx.tx)
  return shown!
}
