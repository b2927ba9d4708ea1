import { sql } from 'kysely'
import type { RunPlace, RunSearch, TaskStore } from '../../tasks/index.ts'
import type { StateEngine } from './engine.ts'

const lookedAtOnce = 500
const lookedMax = 5000

/** Looks through runs of all tasks, and who has them. */
export function searchStore({ kind, reads }: StateEngine): Pick<TaskStore, 'search' | 'holders' | 'leasedByEach'> {
  const workerId = kind === 'postgres' ? sql<string>`worker_id collate "C"` : sql<string>`worker_id`
  /** The next runs, newest first. Ids of runs sort as they were made, and so need no index of their own. */
  const next = (search: RunSearch, before: RunPlace | undefined, limit: number) => {
    let query = reads
      .selectFrom('task_runs')
      .select(['task_runs.run_id', 'task_runs.created_at', 'task_runs.status', 'task_runs.worker_id'])
      .$if(search.queue !== undefined, (of) =>
        of.leftJoin('work', 'work.id', 'task_runs.run_id').select('work.queue as place'),
      )
    if (search.status === 'queued' || search.status === 'running') query = query.where('completed_at', 'is', null)
    if (search.taskId === undefined) {
      if (before) query = query.where('run_id', '<', before.runId)
      return query.orderBy('run_id', 'desc').limit(limit).execute()
    }
    query = query.where('task_id', '=', search.taskId)
    if (before)
      query = query.where((where) =>
        where(where.refTuple('task_runs.created_at', 'run_id'), '<', where.tuple(before.createdAt, before.runId)),
      )
    return query.orderBy('task_runs.created_at', 'desc').orderBy('run_id', 'desc').limit(limit).execute()
  }

  return {
    async search(search) {
      const { status, queue, workerId } = search
      const isNarrow = status !== undefined || queue !== undefined || workerId !== undefined
      const atOnce = isNarrow ? lookedAtOnce : search.limit
      const runIds: string[] = []
      let place: RunPlace | undefined = search.before
      for (let looked = 0; looked < lookedMax; looked += atOnce) {
        const rows = await next(search, place, atOnce)
        for (const row of rows) {
          place = { createdAt: row.created_at, runId: row.run_id }
          const isWanted =
            (status === undefined || row.status === status) &&
            (workerId === undefined || row.worker_id === workerId) &&
            (queue === undefined || row.place?.startsWith(`${queue} `))
          if (isWanted && runIds.push(row.run_id) === search.limit) return { runIds, lookedTo: place }
        }
        if (rows.length < atOnce) return { runIds, lookedTo: null }
      }
      return { runIds, lookedTo: place ?? null }
    },

    async holders(after, limit) {
      const found = await reads
        .selectFrom('task_runs')
        .innerJoin('work', 'work.id', 'run_id')
        .select('worker_id')
        .where('task_runs.status', '=', 'running')
        .where(workerId, '>', after)
        .where('work.queue', 'not like', builtIn)
        .groupBy('worker_id')
        .orderBy(workerId)
        .limit(limit)
        .execute()
      return found.map((row) => row.worker_id!)
    },

    async leasedByEach(workerIds) {
      if (workerIds.length === 0) return []
      const found = await reads
        .selectFrom('task_runs')
        .innerJoin('work', 'work.id', 'run_id')
        .select(['worker_id', 'work.queue as place', (select) => select.fn.countAll<number>().as('runs')])
        .where('task_runs.status', '=', 'running')
        .where('worker_id', 'in', workerIds)
        .where('work.queue', 'not like', builtIn)
        .groupBy(['worker_id', 'work.queue'])
        .execute()
      return found.map((row) => ({ workerId: row.worker_id!, place: row.place, runs: Number(row.runs) }))
    },
  }
}

/** Where Nexus's own handlers look. */
const builtIn = '@%'
