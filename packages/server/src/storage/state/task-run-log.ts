import { inParts } from '../../core/in-parts.ts'
import type { TaskStore } from '../../tasks/index.ts'
import type { StateEngine } from './engine.ts'
import type { TaskRows } from './task-rows.ts'
import { within } from './transaction.ts'

const rowsMax = 500

type RunLogStore = Pick<TaskStore, 'addLog' | 'oldestLines' | 'forgetLines' | 'log'>

export function runLogStore({ reads }: StateEngine, rows: TaskRows): RunLogStore {
  return {
    async addLog(tx, run, lines) {
      const made = lines.map((line, i) => rows.ofLine(run, line, i))
      for (const part of inParts(made, rowsMax)) await within(tx).insertInto('task_run_log').values(part).execute()
    },

    async oldestLines(tx, runId, limit) {
      const oldest = within(tx).selectFrom('task_run_log').selectAll().where('run_id', '=', runId).orderBy('seq')
      return (await oldest.limit(limit).execute()).map(rows.toLine)
    },

    async forgetLines(tx, runId, upTo) {
      await within(tx).deleteFrom('task_run_log').where('run_id', '=', runId).where('seq', '<=', upTo).execute()
    },

    async log(runId, { after, limit }) {
      let query = reads.selectFrom('task_run_log').selectAll().where('run_id', '=', runId)
      if (after !== undefined) query = query.where('seq', '>', after)
      return (await query.orderBy('seq').limit(limit).execute()).map(rows.toLine)
    },
  }
}
