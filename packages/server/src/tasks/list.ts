import type { Input, Output } from '@nexus/contract'
import type { Ctx } from '../core/context.ts'
import { invalid } from '../core/failure.ts'
import { decodeCursor, page } from '../core/paging.ts'
import type { TaskDeps } from './deps.ts'
import type { TaskFilter } from './ports.ts'
import { shownTasks } from './shown.ts'

const limitDefault = 50
const tagsMax = 20

/** Newest first. Errors: INVALID_REQUEST (tags that are none, a cursor beside an offset). */
export async function listTasks(
  deps: TaskDeps,
  _ctx: Ctx,
  { status, type, tags, cursor, offset = 0, limit = limitDefault }: Input<'tasks.list'>,
): Promise<Output<'tasks.list'>> {
  if (cursor !== undefined && offset > 0) throw invalid('offset', 'has no meaning beside a cursor')
  const filter: TaskFilter = { status, type, tags: tags === undefined ? [] : readTags(tags) }
  const before = cursor === undefined ? undefined : positionOf(cursor)
  const found = await deps.store.list(filter, { before, offset, limit: limit + 1 })
  const { rows, next } = page(found, limit, ({ createdAt, taskId }) => [createdAt, taskId])
  const total = await deps.store.count(filter)
  return { tasks: await shownTasks(deps, rows), total, limit, offset, next_cursor: next }
}

/** `team:analytics,priority:high`: the first colon splits. */
function readTags(text: string): TaskFilter['tags'] {
  const parts = text.split(',')
  if (parts.length > tagsMax) throw invalid('tags', `has more than ${tagsMax} tags`)
  return parts.map((part) => {
    const colon = part.indexOf(':')
    if (colon < 1) throw invalid('tags', 'expected key:value, several by commas, as in team:analytics,priority:high')
    if (part.includes('\0')) throw invalid('tags', 'must have no NUL')
    return [part.slice(0, colon).trim(), part.slice(colon + 1).trim()]
  })
}

function positionOf(cursor: string): { createdAt: number; taskId: string } {
  const [createdAt, taskId] = decodeCursor(cursor, ['number', 'string']) as [number, string]
  return { createdAt, taskId }
}
