import type { CommandStatus } from '@nexus/contract'
import { type Kysely, type Selectable, sql } from 'kysely'
import type { CommandFilter, CommandPlace } from '../../commands/index.ts'
import type { CommandsTable, StateTables } from './tables.ts'

/** How many commands a search looks at that an index doesn't find. */
const lookedMax = 5000

type Found = Selectable<CommandsTable>

/** Looks for commands, newest first: by indexes for most of what is asked, else through so many of them and no more. */
export async function searchCommands(
  reads: Kysely<StateTables>,
  { status, deviceId, categories, before, limit }: CommandFilter,
): Promise<{ found: Found[]; lookedTo: CommandPlace | null }> {
  const indexed = status === undefined ? undefined : indexedStatuses(status)
  const looked = reads
    .selectFrom('commands')
    .$if(indexed !== undefined, (of) => of.where('status', '=', sql.lit(status!)).where(indexed!))
    .$if(deviceId !== undefined, (of) =>
      of.where('command_id', 'in', (select) =>
        select.selectFrom('executions').select('executions.command_id').where('device_id', '=', deviceId!),
      ),
    )
    .$if(before !== undefined, (of) =>
      of.where((where) =>
        where(where.refTuple('submitted_at', 'command_id'), '<', where.tuple(before!.submittedAt, before!.commandId)),
      ),
    )
    .orderBy('submitted_at', 'desc')
    .orderBy('command_id', 'desc')
  const isSearched = categories !== undefined || (status !== undefined && indexed === undefined)
  if (!isSearched) return { found: await looked.selectAll().limit(limit).execute(), lookedTo: null }
  const ids = reads
    .selectFrom(looked.select(['command_id', 'submitted_at', 'status', 'category']).limit(lookedMax).as('looked'))
    .select('command_id')
    .$if(status !== undefined, (of) => of.where('status', '=', status!))
    .$if(categories !== undefined, (of) => of.where('category', 'in', categories!))
    .orderBy('submitted_at', 'desc')
    .orderBy('command_id', 'desc')
    .limit(limit)
  const found = await reads
    .selectFrom('commands')
    .selectAll()
    .where('command_id', 'in', ids)
    .orderBy('submitted_at', 'desc')
    .orderBy('command_id', 'desc')
    .execute()
  if (found.length === limit) return { found, lookedTo: null }
  const [last] = await looked
    .select(['submitted_at as submittedAt', 'command_id as commandId'])
    .offset(lookedMax - 1)
    .limit(1)
    .execute()
  return { found, lookedTo: last ?? null }
}

/** In the words of the partial indexes: SQLite takes them by nothing else. Most commands complete: these have none. */
function indexedStatuses(status: CommandStatus) {
  switch (status) {
    case 'pending':
    case 'running':
      return sql<boolean>`status in ('pending', 'running')`
    case 'failed':
    case 'timeout':
    case 'cancelled':
      return sql<boolean>`status in ('failed', 'timeout', 'cancelled')`
    case 'completed':
      return undefined
    default:
      return status satisfies never
  }
}
