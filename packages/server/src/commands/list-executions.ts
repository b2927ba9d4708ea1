import type { Input, Output } from '@nexus/contract'
import { boundedPage } from '../core/bounded-page.ts'
import type { Ctx } from '../core/context.ts'
import { decodeCursor } from '../core/paging.ts'
import { type CommandDeps, foundCommand } from './deps.ts'
import type { ExecutionRecord } from './record.ts'
import { shownExecutions } from './shown.ts'

const limitDefault = 50

/** In the order of the targets, in pages bounded in bytes too. Errors: NOT_FOUND. */
export async function listExecutions(
  deps: CommandDeps,
  ctx: Ctx,
  { command_id, status, cursor, limit = limitDefault }: Input<'commands.executions.list'>,
): Promise<Output<'commands.executions.list'>> {
  const command = await foundCommand(deps, ctx, command_id)
  const first = cursor === undefined ? undefined : (decodeCursor(cursor, ['number'])[0] as number)
  const { shown, next } = await boundedPage({
    limit,
    read: (after: ExecutionRecord | undefined, count) =>
      deps.store.executions({ commandId: command_id, status, after: after?.position ?? first, limit: count }),
    show: (rows) => shownExecutions(deps, command, rows),
    position: ({ position }) => [position],
  })
  return { executions: shown, next_cursor: next }
}
