import { commandCategories, type Input, type Output } from '@nexus/contract'
import type { Ctx } from '../core/context.ts'
import { decodeCursor, page } from '../core/paging.ts'
import { authoriseCategory, type CommandDeps, permittedCategories } from './deps.ts'
import { shownCommands } from './shown.ts'

const limitDefault = 50

/** Newest first; of the categories that the key may see. Errors: FORBIDDEN (a category that it may not). */
export async function listCommands(
  deps: CommandDeps,
  { principal }: Ctx,
  { status, device_id, category, cursor, limit = limitDefault }: Input<'commands.list'>,
): Promise<Output<'commands.list'>> {
  if (category !== undefined) authoriseCategory(principal, category)
  const permitted = permittedCategories(principal.scopes)
  const categories = category === undefined ? permitted : [category]
  const found = await deps.store.list({
    status,
    deviceId: device_id,
    categories: categories.length === commandCategories.length ? undefined : categories,
    before: cursor === undefined ? undefined : positionOf(cursor),
    limit: limit + 1,
  })
  const { rows, next } = page(found, limit, ({ submittedAt, commandId }) => [submittedAt, commandId])
  return { commands: await shownCommands(deps, principal, rows), next_cursor: next }
}

function positionOf(cursor: string): { submittedAt: number; commandId: string } {
  const [submittedAt, commandId] = decodeCursor(cursor, ['number', 'string']) as [number, string]
  return { submittedAt, commandId }
}
