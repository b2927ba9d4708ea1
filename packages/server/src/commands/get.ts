import type { Command, Input } from '@nexus/contract'
import type { Ctx } from '../core/context.ts'
import { type CommandDeps, foundCommand } from './deps.ts'
import { shownCommands } from './shown.ts'

/** Errors: NOT_FOUND. */
export async function getCommand(deps: CommandDeps, ctx: Ctx, { command_id }: Input<'commands.get'>): Promise<Command> {
  const [shown] = await shownCommands(deps, ctx.principal, [await foundCommand(deps, ctx, command_id)])
  return shown!
}
