import { commandCategories, type Input, type Output } from '@nexus/contract'
import { boundedPage } from '../core/bounded-page.ts'
import type { Ctx } from '../core/context.ts'
import { decodeCursor } from '../core/paging.ts'
import { authoriseCategory, type CommandDeps, permittedCategories } from './deps.ts'
import type { CommandRecord } from './record.ts'
import { shownCommands } from './shown.ts'

const limitDefault = 50

/**
 * Newest first, in pages bounded in bytes too; of the categories that the key may see. Errors: FORBIDDEN (a category
 * that it may not).
 */
export async function listCommands(
  deps: CommandDeps,
  { principal }: Ctx,
  { status, device_id, category, cursor, limit = limitDefault }: Input<'commands.list'>,
): Promise<Output<'commands.list'>> {
  if (category !== undefined) authoriseCategory(principal, category)
  const permitted = permittedCategories(principal.scopes)
  const categories = category === undefined ? permitted : [category]
  const filter = {
    status,
    deviceId: device_id,
    categories: categories.length === commandCategories.length ? undefined : categories,
  }
  const first = cursor === undefined ? undefined : positionOf(cursor)
  const { shown, next } = await boundedPage({
    limit,
    read: (after: CommandRecord | undefined, count) =>
      deps.store.list({ ...filter, before: after ?? first, limit: count }),
    show: (rows) => shownCommands(deps, principal, rows),
    position: ({ submittedAt, commandId }) => [submittedAt, commandId],
  })
  return { commands: shown, next_cursor: next }
}

function positionOf(cursor: string): { submittedAt: number; commandId: string } {
  const [submittedAt, commandId] = decodeCursor(cursor, ['number', 'string']) as [number, string]
  return { submittedAt, commandId }
}
