import type { TaskStatus } from '@nexus/contract'
import type { ExpressionBuilder, Kysely, Selectable } from 'kysely'
import type { Tx } from '../../core/context.ts'
import type { TaskFilter, TaskRecord, TaskStore } from '../../tasks/index.ts'
import { atHand, jsonSize } from './at-hand.ts'
import type { StateEngine } from './engine.ts'
import { KnownIn } from './known-in.ts'
import { perParameter, preparedTable } from './prepared-table.ts'
import type { Sealer } from './sealer.ts'
import type { StateTables } from './tables.ts'
import { type TaskRows, taskRows } from './task-rows.ts'
import { runLogStore } from './task-run-log.ts'
import { runStore } from './task-runs.ts'
import { searchStore } from './task-search.ts'
import type { TasksTable } from './task-tables.ts'
import { triggerStore } from './task-triggers.ts'
import { afterCommit, within } from './transaction.ts'

export function createTaskStore(engine: StateEngine, sealer: Sealer): TaskStore {
  const rows = taskRows(sealer)
  const { reads } = engine
  const db = (tx: Tx | undefined) => (tx ? within(tx) : reads)
  const tasks = preparedTable(engine, 'tasks', 'task_id')
  const locking = perParameter(engine, lockText) + (engine.kind === 'postgres' ? ' for update' : '')
  const dependent = perParameter(engine, 'select 1 from task_dependencies where depends_on = ? limit 1')
  const inTransactions = new KnownIn<TaskRecord>(
    ({ taskId }) => taskId,
    atHand(engine, {
      isWorth: ({ deletedAt }) => deletedAt === null,
      bytesOf: ({ definition }) => jsonSize(definition),
    }),
  )
  return {
    write: (fn) => engine.write(fn),
    afterCommit,
    isShared: engine.kind === 'postgres',
    announceTrigger: (taskId) => engine.signals.tell(triggerTopic, taskId),
    onTriggersAnnounced: (fn) => engine.signals.listen(triggerTopic, fn),
    ...runStore(engine, rows),
    ...runLogStore(engine, rows),
    ...searchStore(engine),
    ...signalStore(engine),
    ...triggerStore(engine, rows),
    ...listing(reads, rows),

    async insert(tx, task) {
      await tasks.insert(tx, [rows.ofTask(task)])
      await writeLinks(tx, task)
      inTransactions.note(tx, [task])
    },

    async find(taskIds, tx) {
      const found = await tasks.find(tx, taskIds)
      return found.filter((row) => row.deleted_at === null).map(rows.toTask)
    },

    async lock(tx, taskId) {
      const [known] = inTransactions.find(tx, [taskId]).known
      if (known) return known
      const [row] = await engine.run<Selectable<TasksTable>>(tx, locking, [taskId])
      if (!row) return undefined
      const task = rows.toTask(row)
      inTransactions.note(tx, [task])
      return task
    },

    async save(tx, task) {
      await tasks.change(tx, task.taskId, rows.changesOfTask(task))
      inTransactions.note(tx, [task])
    },

    async saveDefinition(tx, task) {
      const changed = { ...rows.changesOfTask(task), ...rows.definitionOf(task) }
      await within(tx).updateTable('tasks').set(changed).where('task_id', '=', task.taskId).execute()
      await within(tx).deleteFrom('task_tags').where('task_id', '=', task.taskId).execute()
      await within(tx).deleteFrom('task_dependencies').where('task_id', '=', task.taskId).execute()
      await writeLinks(tx, task)
      inTransactions.note(tx, [task])
    },

    async dependents(taskId, tx) {
      const found = await db(tx)
        .selectFrom('task_dependencies')
        .innerJoin('tasks', 'tasks.task_id', 'task_dependencies.task_id')
        .select('task_dependencies.task_id')
        .where('depends_on', '=', taskId)
        .where('deleted_at', 'is', null)
        .execute()
      return found.map((row) => row.task_id)
    },

    async unlink(tx, taskId) {
      for (const table of ['task_tags', 'task_dependencies', 'task_triggers'] as const)
        await within(tx).deleteFrom(table).where('task_id', '=', taskId).execute()
    },

    async lockUpstream(tx, taskIds) {
      if (engine.kind === 'postgres' && taskIds.length > 0) await engine.send(tx, shareText, [JSON.stringify(taskIds)])
    },

    lockDependencies: (tx) => engine.exclusive(tx, 'task dependencies'),

    hasDependents: async (tx, taskId) => (await engine.run(tx, dependent, [taskId])).length > 0,

    async dependenciesOf(taskIds, tx) {
      if (taskIds.length === 0) return new Map()
      const found = await db(tx).selectFrom('task_dependencies').selectAll().where('task_id', 'in', taskIds).execute()
      const of = Map.groupBy(found, (row) => row.task_id)
      return new Map([...of].map(([taskId, links]) => [taskId, links.map((row) => row.depends_on)]))
    },
  }
}

const lockText = 'select * from tasks where task_id = ?'

const shareText = `select task_id from tasks where task_id in (select json_array_elements_text($1))
  order by task_id for share`

/** What other processes are told: that a task which waits for events has changed. */
const triggerTopic = 'task.trigger'

async function writeLinks(tx: Tx, { taskId: task_id, definition }: TaskRecord): Promise<void> {
  const tags = Object.entries(definition.tags ?? {}).map(([key, value]) => ({ task_id, key, value }))
  if (tags.length > 0) await within(tx).insertInto('task_tags').values(tags).execute()
  const links = (definition.dependencies ?? []).map((depends_on) => ({ task_id, depends_on }))
  if (links.length > 0) await within(tx).insertInto('task_dependencies').values(links).execute()
}

function listing(reads: Kysely<StateTables>, rows: TaskRows): Pick<TaskStore, 'list' | 'count' | 'due' | 'nextWake'> {
  return {
    async list(filter, { before, offset, limit }) {
      let query = reads.selectFrom('tasks').selectAll().where(wanted(filter))
      if (before !== undefined)
        query = query.where((where) =>
          where(where.refTuple('created_at', 'task_id'), '<', where.tuple(before.createdAt, before.taskId)),
        )
      const found = await query
        .orderBy('created_at', 'desc')
        .orderBy('task_id', 'desc')
        .limit(limit)
        .offset(offset)
        .execute()
      return found.map(rows.toTask)
    },

    async count(filter) {
      const { count } = await reads
        .selectFrom('tasks')
        .select((select) => select.fn.countAll<number>().as('count'))
        .where(wanted(filter))
        .executeTakeFirstOrThrow()
      return Number(count)
    },

    async due(now, limit) {
      const found = await reads
        .selectFrom('tasks')
        .select('task_id')
        .where('wake_at', '<=', now)
        .orderBy('wake_at')
        .limit(limit)
        .execute()
      return found.map((row) => row.task_id)
    },

    async nextWake() {
      const row = await reads
        .selectFrom('tasks')
        .select('wake_at')
        .where('wake_at', 'is not', null)
        .orderBy('wake_at')
        .limit(1)
        .executeTakeFirst()
      return row?.wake_at ?? undefined
    },
  }
}

function wanted({ status, type, tags }: TaskFilter) {
  return (where: ExpressionBuilder<StateTables, 'tasks'>) =>
    where.and([
      where('deleted_at', 'is', null),
      ...(status === undefined ? [] : [standing(where, status)]),
      ...(type === undefined ? [] : [where('type', '=', type)]),
      ...tags.map(([key, value]) =>
        where(
          'task_id',
          'in',
          where.selectFrom('task_tags').select('task_tags.task_id').where('key', '=', key).where('value', '=', value),
        ),
      ),
    ])
}

/** A task of which a run is under way is running, whatever stands in its row. */
function standing(where: ExpressionBuilder<StateTables, 'tasks'>, status: TaskStatus) {
  const running = where.exists(
    where
      .selectFrom('task_runs')
      .select('run_id')
      .whereRef('task_runs.task_id', '=', 'tasks.task_id')
      .where('task_runs.status', '=', 'running'),
  )
  return status === 'running' ? running : where.and([where('tasks.status', '=', status), where.not(running)])
}

function signalStore({ reads }: StateEngine): Pick<TaskStore, 'signal' | 'signals' | 'clearSignals'> {
  return {
    async signal(tx, task_id) {
      await within(tx).insertInto('task_signals').values({ task_id }).execute()
    },

    async signals(limit, but) {
      let query = reads.selectFrom('task_signals').selectAll()
      if (but.length > 0) query = query.where('task_id', 'not in', but)
      const found = await query.orderBy('signal_id').limit(limit).execute()
      return found.map((row) => ({ signalId: row.signal_id, taskId: row.task_id }))
    },

    async clearSignals(tx, signalIds) {
      if (signalIds.length > 0)
        await within(tx).deleteFrom('task_signals').where('signal_id', 'in', signalIds).execute()
    },
  }
}
