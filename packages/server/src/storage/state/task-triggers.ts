import type { Selectable } from 'kysely'
import type { TaskStore } from '../../tasks/index.ts'
import type { StateEngine } from './engine.ts'
import { perParameter } from './prepared-table.ts'
import type { TaskRows } from './task-rows.ts'
import type { TaskFanOutsTable } from './task-tables.ts'
import { within } from './transaction.ts'

type TriggerStore = Pick<
  TaskStore,
  | 'listening'
  | 'countListening'
  | 'addTrigger'
  | 'forgetTriggers'
  | 'triggers'
  | 'clearTriggers'
  | 'addFanOut'
  | 'countFanOuts'
  | 'fanOuts'
  | 'lockFanOut'
  | 'moveFanOut'
>

/** What events make tasks run, and what is noted of that. */
export function triggerStore(engine: StateEngine, rows: TaskRows): TriggerStore {
  const { reads } = engine
  const locking = perParameter(engine, lockText) + (engine.kind === 'postgres' ? ' for update' : '')
  return {
    async listening() {
      const found = await reads
        .selectFrom('tasks')
        .select(['task_id', 'version', 'paused_at', 'deaf_to'])
        .where('type', '=', 'event_driven')
        .where('deleted_at', 'is', null)
        .where('ended_at', 'is', null)
        .execute()
      return found.map((row) => ({
        taskId: row.task_id,
        version: row.version,
        pausedAt: row.paused_at,
        deafTo: row.deaf_to,
      }))
    },

    async countListening(tx) {
      const { count } = await within(tx)
        .selectFrom('tasks')
        .select((select) => select.fn.countAll<number>().as('count'))
        .where('type', '=', 'event_driven')
        .where('deleted_at', 'is', null)
        .executeTakeFirstOrThrow()
      return Number(count)
    },

    async addTrigger(tx, trigger) {
      await within(tx).insertInto('task_triggers').values(rows.ofTrigger(trigger)).execute()
    },

    async forgetTriggers(tx, taskId) {
      await within(tx).deleteFrom('task_triggers').where('task_id', '=', taskId).execute()
    },

    async triggers(tx, taskId, limit) {
      const found = await within(tx)
        .selectFrom('task_triggers')
        .selectAll()
        .where('task_id', '=', taskId)
        .orderBy('trigger_id')
        .limit(limit)
        .execute()
      return found.map(rows.toTrigger)
    },

    async clearTriggers(tx, triggerIds) {
      if (triggerIds.length > 0)
        await within(tx).deleteFrom('task_triggers').where('trigger_id', 'in', triggerIds).execute()
    },

    async addFanOut(tx, fanOut) {
      await within(tx).insertInto('task_fan_outs').values(rows.ofFanOut(fanOut)).execute()
    },

    async countFanOuts(tx, max) {
      const { count } = await within(tx)
        .selectFrom((from) => from.selectFrom('task_fan_outs').select('fan_out_id').limit(max).as('waiting'))
        .select((select) => select.fn.countAll<number>().as('count'))
        .executeTakeFirstOrThrow()
      return Number(count)
    },

    async fanOuts(limit) {
      const found = await reads
        .selectFrom('task_fan_outs')
        .select('fan_out_id')
        .orderBy('fan_out_id')
        .limit(limit)
        .execute()
      return found.map((row) => row.fan_out_id)
    },

    async lockFanOut(tx, fanOutId) {
      const [row] = await engine.run<Selectable<TaskFanOutsTable>>(tx, locking, [fanOutId])
      return row && rows.toFanOut(row)
    },

    async moveFanOut(tx, fanOutId, after_task) {
      if (after_task === null) await within(tx).deleteFrom('task_fan_outs').where('fan_out_id', '=', fanOutId).execute()
      else
        await within(tx).updateTable('task_fan_outs').set({ after_task }).where('fan_out_id', '=', fanOutId).execute()
    },
  }
}

const lockText = 'select * from task_fan_outs where fan_out_id = ?'
