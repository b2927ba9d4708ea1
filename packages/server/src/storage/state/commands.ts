import { commandStatuses } from '@nexus/contract'
import type { Kysely, Selectable } from 'kysely'
import type { CommandOrder, CommandStore, Counts, ExecutionRecord } from '../../commands/index.ts'
import type { Tx } from '../../core/context.ts'
import { inParts } from '../../core/in-parts.ts'
import { atHand, jsonSize } from './at-hand.ts'
import { rolloutStore } from './command-rollouts.ts'
import { type CommandRows, commandRows } from './command-rows.ts'
import { searchCommands } from './command-search.ts'
import type { StateEngine } from './engine.ts'
import { FreshOrders } from './fresh-orders.ts'
import { knownCommands } from './known-commands.ts'
import { KnownIn } from './known-in.ts'
import { findingBy, perParameter, preparedTable } from './prepared-table.ts'
import type { Sealer } from './sealer.ts'
import type { CommandsTable, StateTables } from './tables.ts'
import { afterCommit, afterEnd, within } from './transaction.ts'

/** How many rows a statement writes: engines bound the number of its parameters. */
const rowsMax = 500
const trimmedAtOnce = 100
/** Of all of them together, for a transaction keeps others waiting; one command goes as a whole. */
const trimmedTargets = 1000

const cancelledTopic = 'command.cancelled'
const announcedTogether = 100

export function createCommandStore(engine: StateEngine, sealer: Sealer): CommandStore {
  const { reads } = engine
  const db = (tx: Tx | undefined) => (tx ? within(tx) : reads)
  const rows = commandRows(sealer)
  const commands = preparedTable(engine, 'commands', 'command_id')
  const fresh = new FreshOrders()
  const count = perParameter(engine, countText)
  const known = knownCommands(engine)
  const byExecution = findingBy<Selectable<CommandsTable> & { execution_id: string }>(
    engine,
    `select executions.execution_id, commands.* from executions
    join commands on commands.command_id = executions.command_id where executions.execution_id`,
  )
  const add = async (tx: Tx, commandId: string, change: Partial<Counts>) => {
    const more = commandStatuses.map((status) => change[status] ?? 0)
    const [before] = known.find(tx, [commandId]).known
    if (before) {
      if (more.some((by) => by !== 0)) await engine.send(tx, count, [...more, commandId])
      return known.note(tx, { ...before, counts: addedTo(before.counts, change) })
    }
    const [row] = await engine.run<Selectable<CommandsTable>>(tx, `${count} returning *`, [...more, commandId])
    return known.note(tx, rows.toCommand(row!))
  }
  const { insertExecutions, ...executions } = executionStore(engine, db, rows)
  return {
    write: (fn) => engine.write(fn),
    afterCommit,
    afterEnd,
    trim: (before) => trim(engine, before),
    ...executions,
    ...definitionStore(engine, db, rows),
    ...rolloutStore(engine, db, rows),

    async insert(tx, command, executions) {
      await commands.insert(tx, [rows.ofCommand(command)])
      known.note(tx, command)
      await insertExecutions(tx, executions)
      afterCommit(tx, () => fresh.keep(command, executions))
    },

    async find(commandIds, tx) {
      const { known: found, unknown } = known.find(tx, commandIds)
      if (unknown.length === 0) return found
      const read = (await commands.find(tx, unknown)).map(rows.toCommand)
      return [...found, ...(tx ? read.map((command) => known.note(tx, command)) : read)]
    },

    isShared: engine.kind === 'postgres',

    announceCancelled(executionIds) {
      for (const part of inParts(executionIds, announcedTogether)) engine.signals.tell(cancelledTopic, part.join(' '))
    },

    onCancelled: (hear) =>
      engine.signals.listen(cancelledTopic, (texts) => hear(texts.flatMap((text) => text.split(' ')))),

    async ended(commandIds) {
      const found = await reads
        .selectFrom('commands')
        .select('command_id')
        .where('command_id', 'in', commandIds)
        .where('completed_at', 'is not', null)
        .execute()
      return found.map((row) => row.command_id)
    },

    async orders(executionIds) {
      const found = new Map<string, CommandOrder>()
      const read: string[] = []
      for (const id of executionIds) {
        const order = fresh.take(id)
        if (order) found.set(id, order)
        else read.push(id)
      }
      for (const row of await byExecution(undefined, read)) found.set(row.execution_id, rows.toCommand(row))
      return found
    },

    async liveRetry(tx, commandId) {
      const row = await within(tx)
        .selectFrom('commands')
        .select('command_id')
        .where('retry_of', '=', commandId)
        .where('status', 'in', ['pending', 'running'])
        .limit(1)
        .executeTakeFirst()
      return row?.command_id
    },

    list: async (filter) => {
      const { found, lookedTo } = await searchCommands(reads, filter)
      return { commands: found.map(rows.toCommand), lookedTo }
    },

    count: add,
    lock: (tx, commandId) => add(tx, commandId, {}),

    async lockOf(tx, executionIds) {
      if (engine.kind === 'postgres') await engine.run(tx, lockOfExecutions, [JSON.stringify(executionIds)])
    },

    async save(tx, command) {
      await commands.change(tx, command.commandId, rows.changesOfCommand(command))
      const [{ counts } = command] = known.find(tx, [command.commandId]).known
      known.note(tx, { ...command, counts })
    },
  }
}

function addedTo(counts: Counts, change: Partial<Counts>): Counts {
  const sums = commandStatuses.map((status) => [status, counts[status] + (change[status] ?? 0)])
  return Object.fromEntries(sums) as Counts
}

const countText = `update commands set ${commandStatuses.map((status) => `${status} = ${status} + ?`).join(', ')}
  where command_id = ?`

const lockOfExecutions = `select from commands where command_id in (
    select command_id from executions where execution_id in (select json_array_elements_text($1))
  ) order by command_id for no key update`

type Db = (tx: Tx | undefined) => Kysely<StateTables>

function executionStore(
  engine: StateEngine,
  db: Db,
  rows: CommandRows,
): Pick<
  CommandStore,
  | 'findExecutions'
  | 'saveExecutions'
  | 'executions'
  | 'liveExecutions'
  | 'onlyExecutions'
  | 'givenTo'
  | 'addLog'
  | 'log'
  | 'droppedLines'
> & { insertExecutions: CommandStore['saveExecutions'] } {
  const prepared = preparedTable(engine, 'executions', 'execution_id')
  const inTransactions = new KnownIn<ExecutionRecord>(
    ({ executionId }) => executionId,
    atHand(engine, {
      isWorth: ({ completedAt }) => completedAt === null,
      bytesOf: ({ progress, result, error }) => jsonSize(progress) + jsonSize(result) + jsonSize(error),
    }),
  )
  return {
    async insertExecutions(tx, executions) {
      for (const part of inParts(executions, rowsMax)) await prepared.insert(tx, part.map(rows.ofExecution))
      inTransactions.note(tx, executions)
    },

    async findExecutions(executionIds, tx) {
      const { known, unknown } = inTransactions.find(tx, executionIds)
      const found = unknown.length === 0 ? [] : (await prepared.find(tx, unknown)).map(rows.toExecution)
      if (tx && engine.kind === 'sqlite') inTransactions.note(tx, found)
      return [...known, ...found]
    },

    async saveExecutions(tx, executions) {
      for (const part of inParts(executions, rowsMax)) await prepared.changeEach(tx, part.map(rows.ofExecutionChange))
      inTransactions.note(tx, executions)
    },

    async executions({ commandId, status, after, limit }, tx) {
      let query = db(tx).selectFrom('executions').selectAll().where('command_id', '=', commandId)
      if (status !== undefined) query = query.where('status', '=', status)
      if (after !== undefined) query = query.where('position', '>', after)
      return (await query.orderBy('position').limit(limit).execute()).map(rows.toExecution)
    },

    async liveExecutions(tx, commandId) {
      const found = await within(tx)
        .selectFrom('executions')
        .select('execution_id')
        .where('command_id', '=', commandId)
        .where('status', 'in', ['pending', 'running'])
        .orderBy('position')
        .execute()
      return found.map((row) => row.execution_id)
    },

    async onlyExecutions(commandIds, tx) {
      if (commandIds.length === 0) return new Map()
      const found = await db(tx)
        .selectFrom('executions')
        .innerJoin('commands', 'commands.command_id', 'executions.command_id')
        .selectAll('executions')
        .where('executions.command_id', 'in', commandIds)
        .where('target_count', '=', 1)
        .execute()
      return new Map(found.map((row) => [row.command_id, rows.toExecution(row)]))
    },

    async givenTo(deviceId, tx) {
      const found = await within(tx)
        .selectFrom('executions')
        .selectAll()
        .where('device_id', '=', deviceId)
        .where('sent_at', 'is not', null)
        .where('status', 'in', ['pending', 'running'])
        .execute()
      return found.map(rows.toExecution)
    },

    async addLog(tx, execution, lines) {
      const made = lines.map((line, i) => rows.ofLine(execution, line, i))
      for (const part of inParts(made, rowsMax)) await within(tx).insertInto('execution_log').values(part).execute()
    },

    async log(commandId, { after, limit }) {
      let query = db(undefined).selectFrom('execution_log').selectAll().where('command_id', '=', commandId)
      if (after !== undefined) query = query.where('seq', '>', after)
      return (await query.orderBy('seq').limit(limit).execute()).map(rows.toLine)
    },

    async droppedLines(commandId) {
      const { dropped } = await db(undefined)
        .selectFrom('executions')
        .select((select) => select.fn.sum<number | string | null>('log_dropped').as('dropped'))
        .where('command_id', '=', commandId)
        .executeTakeFirstOrThrow()
      return Number(dropped ?? 0)
    },
  }
}

function definitionStore(
  engine: StateEngine,
  db: Db,
  rows: CommandRows,
): Pick<CommandStore, 'definition' | 'definitions' | 'putDefinition' | 'deleteDefinition'> {
  const prepared = preparedTable(engine, 'command_definitions', 'name')
  return {
    async definition(name, tx) {
      const [row] = await prepared.find(tx, [name])
      return row && rows.toDefinition(row)
    },

    async definitions({ after, limit, categories }) {
      let query = db(undefined).selectFrom('command_definitions').selectAll().where('category', 'in', categories)
      if (after !== undefined) query = query.where('name', '>', after)
      return (await query.orderBy('name').limit(limit).execute()).map(rows.toDefinition)
    },

    async putDefinition(tx, definition) {
      const { name, ...row } = rows.ofDefinition(definition)
      await within(tx)
        .insertInto('command_definitions')
        .values({ name, ...row })
        .onConflict((conflict) => conflict.column('name').doUpdateSet(row))
        .execute()
    },

    async deleteDefinition(tx, name) {
      const { numDeletedRows } = await within(tx)
        .deleteFrom('command_definitions')
        .where('name', '=', name)
        .executeTakeFirst()
      return numDeletedRows > 0n
    },
  }
}

async function trim(engine: StateEngine, before: number): Promise<boolean> {
  const old = await engine.reads
    .selectFrom('commands')
    .select(['command_id', 'target_count'])
    .where('completed_at', '<', before)
    .orderBy('completed_at')
    .limit(trimmedAtOnce)
    .execute()
  if (old.length === 0) return false
  let targets = 0
  const some = old.filter((row, i) => {
    targets += row.target_count
    return i === 0 || targets <= trimmedTargets
  })
  const ids = some.map((row) => row.command_id)
  await engine.write(async (tx) => {
    const db = within(tx)
    const ofThem = db.selectFrom('executions').select('execution_id').where('command_id', 'in', ids)
    await db.deleteFrom('work').where('id', 'in', ofThem).execute()
    await db.deleteFrom('execution_log').where('command_id', 'in', ids).execute()
    await db.deleteFrom('executions').where('command_id', 'in', ids).execute()
    await db.deleteFrom('commands').where('command_id', 'in', ids).execute()
  })
  return some.length < old.length || old.length === trimmedAtOnce
}
