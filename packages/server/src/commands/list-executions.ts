import type { Input, Output } from '@nexus/contract'
import type { Ctx } from '../core/context.ts'
import { decodeCursor, page } from '../core/paging.ts'
import { type CommandDeps, foundCommand } from './deps.ts'
import { shownExecutions } from './shown.ts'

const limitDefault = 50

/** In the order of the targets. Errors: NOT_FOUND. */
export async function listExecutions(
  deps: CommandDeps,
  ctx: Ctx,
  { command_id, status, cursor, limit = limitDefault }: Input<'commands.executions.list'>,
): Promise<Output<'commands.executions.list'>> {
  const command = await foundCommand(deps, ctx, command_id)
  const after = cursor === undefined ? undefined : (decodeCursor(cursor, ['number'])[0] as number)
  const found = await deps.store.executions({ commandId: command_id, status, after, limit: limit + 1 })
  const { rows, next } = page(found, limit, ({ position }) => [position])
  return { executions: await shownExecutions(deps, command, rows), next_cursor: next }
}
