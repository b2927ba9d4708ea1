import { commandCategories, type Input, type Output } from '@nexus/contract'
import { boundedPage } from '../core/bounded-page.ts'
import type { Ctx } from '../core/context.ts'
import { decodeCursor, encodeCursor } from '../core/paging.ts'
import { authoriseCategory, type CommandDeps, permittedCategories } from './deps.ts'
import type { CommandPlace } from './ports.ts'
import type { CommandRecord } from './record.ts'
import { shownCommands } from './shown.ts'

const limitDefault = 50

/**
 * Newest first, in pages bounded in bytes and in what a call looks at; of the categories that the key may see. Errors:
 * FORBIDDEN (a category that it may not).
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
  const position = ({ submittedAt, commandId }: CommandPlace) => [submittedAt, commandId]
  let end: CommandPlace | null = null
  const { shown, next } = await boundedPage({
    limit,
    async read(after: CommandRecord | undefined, count) {
      const { commands, lookedTo } = await deps.store.list({ ...filter, before: after ?? first, limit: count })
      end = lookedTo
      return commands
    },
    show: (rows: CommandRecord[]) => shownCommands(deps, principal, rows),
    position: (row: CommandRecord) => position(row),
  })
  return { commands: shown, next_cursor: next ?? (end && encodeCursor(position(end))) }
}

function positionOf(cursor: string): CommandPlace {
  const [submittedAt, commandId] = decodeCursor(cursor, ['number', 'string']) as [number, string]
  return { submittedAt, commandId }
}
