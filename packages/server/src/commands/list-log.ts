import type { Input, Output } from '@nexus/contract'
import type { Ctx } from '../core/context.ts'
import { decodeCursor, page } from '../core/paging.ts'
import { type CommandDeps, foundCommand } from './deps.ts'

const limitDefault = 50

/** In the order in which lines came. Errors: NOT_FOUND. */
export async function listLog(
  deps: CommandDeps,
  ctx: Ctx,
  { command_id, cursor, limit = limitDefault }: Input<'commands.logs.list'>,
): Promise<Output<'commands.logs.list'>> {
  await foundCommand(deps, ctx, command_id)
  const after = cursor === undefined ? undefined : (decodeCursor(cursor, ['number'])[0] as number)
  const found = await deps.store.log(command_id, { after, limit: limit + 1 })
  const { rows, next } = page(found, limit, ({ seq }) => [seq])
  return { lines: rows, dropped: await deps.store.droppedLines(command_id), next_cursor: next }
}
