import type { Command, Input } from '@nexus/contract'
import type { WriteCtx } from '../core/context.ts'
import { fail } from '../core/failure.ts'
import { type CommandDeps, commandEnded, foundCommand } from './deps.ts'
import { isOver } from './record.ts'

export async function pauseRollout(
  deps: CommandDeps,
  ctx: WriteCtx,
  { command_id }: Input<'commands.pause'>,
): Promise<Command> {
  const command = await foundCommand(deps, ctx, command_id)
  if (isOver(command.status)) throw commandEnded(command)
  throw fail('CONFLICT', { reason: 'not_a_rollout', issue: 'the command is no roll-out' })
}
