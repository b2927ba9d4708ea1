import type { ExpressionBuilder, Selectable } from 'kysely'
import { countWithin } from '../../core/count-within.ts'
import { inParts } from '../../core/in-parts.ts'
import type { RunPlace, RunRecord, TaskStore } from '../../tasks/index.ts'
import { atHand, jsonSize } from './at-hand.ts'
import type { StateEngine } from './engine.ts'
import { KnownIn } from './known-in.ts'
import { perParameter, preparedTable } from './prepared-table.ts'
import type { StateTables } from './tables.ts'
import { heldCodes, type TaskRows } from './task-rows.ts'
import type { TaskRunsTable } from './task-tables.ts'
import { within } from './transaction.ts'

const trimmedAtOnce = 200
const rowsMax = 500

type RunStore = Pick<
  TaskStore,
  | 'insertRun'
  | 'hasTick'
  | 'findRuns'
  | 'givenRuns'
  | 'lockRuns'
  | 'running'
  | 'saveRuns'
  | 'places'
  | 'fitting'
  | 'hasRuns'
  | 'countInTurn'
  | 'activeRuns'
  | 'newestActive'
  | 'readyRuns'
  | 'heldRuns'
  | 'hasHeld'
  | 'holdBack'
  | 'isBusy'
  | 'liveRetry'
  | 'hasQueued'
  | 'ticksWithRuns'
  | 'stalled'
  | 'nextStall'
  | 'leasedBy'
  | 'leftBehind'
  | 'trim'
>

export function runStore(engine: StateEngine, rows: TaskRows): RunStore {
  const { reads } = engine
  const runs = preparedTable(engine, 'task_runs', 'run_id')
  const tick = perParameter(engine, tickText)
  const held = perParameter(engine, heldText)
  const heldForOne = perParameter(engine, heldForText)
  const anyHeld = perParameter(engine, anyHeldText)
  const busy = perParameter(engine, busyText)
  const liveRetry = perParameter(engine, liveRetryText)
  const holdBack = perParameter(engine, holdBackText(engine.kind))
  const inTransactions = new KnownIn<RunRecord>(
    ({ runId }) => runId,
    atHand(engine, {
      isWorth: ({ completedAt }) => completedAt === null,
      bytesOf: ({ plan, parameters, checkpoint }) => jsonSize(plan) + jsonSize(parameters) + jsonSize(checkpoint),
    }),
  )
  const findRuns: RunStore['findRuns'] = async (runIds, tx) => {
    const { known, unknown } = inTransactions.find(tx, runIds)
    const found = unknown.length === 0 ? [] : (await runs.find(tx, unknown)).map(rows.toRun)
    if (tx && engine.kind === 'sqlite') inTransactions.note(tx, found)
    return [...known, ...found]
  }
  return {
    findRuns,

    async givenRuns(runIds) {
      const { known, unknown } = inTransactions.recall(runIds)
      return [...known, ...(await findRuns(unknown))]
    },

    async insertRun(tx, run) {
      await runs.insert(tx, [rows.ofRun(run)])
      inTransactions.note(tx, [run])
    },

    hasTick: async (tx, taskId, at) => (await engine.run(tx, tick, [taskId, at])).length > 0,

    async lockRuns(tx, runIds) {
      if (engine.kind === 'sqlite') return findRuns(runIds, tx)
      const found = await engine.run<Selectable<TaskRunsTable>>(tx, lockText, [JSON.stringify(runIds)])
      return found.map(rows.toRun)
    },

    async running(taskIds, tx) {
      if (taskIds.length === 0) return new Set()
      const found = await (tx ? within(tx) : reads)
        .selectFrom('task_runs')
        .select('task_id')
        .distinct()
        .where('task_id', 'in', taskIds)
        .where('status', '=', 'running')
        .execute()
      return new Set(found.map((row) => row.task_id))
    },

    async saveRuns(tx, changed) {
      await runs.changeEach(
        tx,
        changed.map((run) => ({ ...rows.changesOfRun(run), run_id: run.runId })),
      )
      inTransactions.note(tx, changed)
    },

    async places({ taskId, status, before, limit }) {
      let query = reads.selectFrom('task_runs').select(['created_at', 'run_id']).where('task_id', '=', taskId)
      if (status !== undefined) query = query.where('status', '=', status)
      if (before !== undefined)
        query = query.where((where) =>
          where(where.refTuple('created_at', 'run_id'), '<', where.tuple(before.createdAt, before.runId)),
        )
      const found = await query.orderBy('created_at', 'desc').orderBy('run_id', 'desc').limit(limit).execute()
      return found.map((row) => ({ createdAt: row.created_at, runId: row.run_id }))
    },

    async fitting(runIds, bytesMax) {
      if (runIds.length === 0) return 0
      const found = await reads
        .selectFrom('task_runs')
        .select((select) => [
          'run_id',
          ...(['plan', 'parameters', 'result', 'error'] as const).map((column) =>
            select.fn<number | null>('octet_length', [column]).as(column),
          ),
        ])
        .where('run_id', 'in', runIds)
        .execute()
      const sizes = new Map(found.map(({ run_id, ...each }) => [run_id, sum(Object.values(each))]))
      return countWithin(
        runIds.map((runId) => sizes.get(runId) ?? 0),
        bytesMax,
      )
    },

    async hasRuns(taskId) {
      const row = await reads
        .selectFrom('task_runs')
        .select('run_id')
        .where('task_id', '=', taskId)
        .limit(1)
        .executeTakeFirst()
      return row !== undefined
    },

    async countInTurn(tx, taskId, max) {
      const found = await within(tx)
        .selectFrom('task_runs')
        .select('run_id')
        .where('task_id', '=', taskId)
        .where('completed_at', 'is', null)
        .where('in_turn', '=', 1)
        .limit(max)
        .execute()
      return found.length
    },

    async activeRuns(tx, taskId, { after, upTo, limit }) {
      let query = within(tx)
        .selectFrom('task_runs')
        .selectAll()
        .where('task_id', '=', taskId)
        .where('completed_at', 'is', null)
      if (after) query = query.where(isBeyond(after))
      if (upTo) query = query.where((where) => where.not(isBeyond(upTo)(where)))
      const found = await query.orderBy('created_at').orderBy('run_id').limit(limit).execute()
      return found.map(rows.toRun)
    },

    async newestActive(tx, taskId) {
      const row = await within(tx)
        .selectFrom('task_runs')
        .select(['created_at', 'run_id'])
        .where('task_id', '=', taskId)
        .where('completed_at', 'is', null)
        .orderBy('created_at', 'desc')
        .orderBy('run_id', 'desc')
        .limit(1)
        .executeTakeFirst()
      return row && { createdAt: row.created_at, runId: row.run_id }
    },

    async heldRuns(tx, taskId, { heldFor, after, limit }) {
      if (heldFor === undefined)
        return (await engine.run<Selectable<TaskRunsTable>>(tx, held, [taskId, limit])).map(rows.toRun)
      const { createdAt, runId } = after ?? { createdAt: 0, runId: '' }
      const parameters = [taskId, heldCodes[heldFor], createdAt, runId, limit]
      return (await engine.run<Selectable<TaskRunsTable>>(tx, heldForOne, parameters)).map(rows.toRun)
    },

    async readyRuns(tx, taskId, { causesBut, limit }) {
      const found = await within(tx)
        .selectFrom('task_runs')
        .selectAll()
        .where('task_id', '=', taskId)
        .where('completed_at', 'is', null)
        .where('status', '=', 'queued')
        .where('held', '=', 0)
        .where('cause', 'not in', causesBut)
        .orderBy('created_at')
        .orderBy('run_id')
        .limit(limit)
        .execute()
      return found.map(rows.toRun)
    },

    async holdBack(tx, taskId, waitingFor) {
      await engine.change(tx, holdBack, [JSON.stringify(waitingFor), taskId])
    },

    hasHeld: async (tx, taskId) => (await engine.run(tx, anyHeld, [taskId])).length > 0,

    isBusy: async (tx, taskId) => (await engine.run(tx, busy, [taskId])).length > 0,

    async liveRetry(tx, { taskId, runId }) {
      const [live] = await engine.run<{ run_id: string }>(tx, liveRetry, [taskId, runId])
      return live?.run_id
    },

    async hasQueued(tx, taskId, dedupeKey) {
      const row = await within(tx)
        .selectFrom('task_runs')
        .select('run_id')
        .where('task_id', '=', taskId)
        .where('completed_at', 'is', null)
        .where('status', '=', 'queued')
        .where('dedupe_key', '=', dedupeKey)
        .limit(1)
        .executeTakeFirst()
      return row !== undefined
    },

    async ticksWithRuns(tx, taskId, ticks) {
      const taken = new Set<number>()
      for (const part of inParts(ticks, rowsMax)) {
        const found = await within(tx)
          .selectFrom('task_runs')
          .select('scheduled_for')
          .where('task_id', '=', taskId)
          .where('scheduled_for', 'in', part)
          .where('status', 'not in', ['skipped', 'missed'])
          .execute()
        for (const row of found) taken.add(row.scheduled_for!)
      }
      return taken
    },

    async stalled(now, limit) {
      const found = await reads
        .selectFrom('task_runs')
        .select('run_id')
        .where('stall_at', '<=', now)
        .orderBy('stall_at')
        .limit(limit)
        .execute()
      return found.map((row) => row.run_id)
    },

    async nextStall() {
      const row = await reads
        .selectFrom('task_runs')
        .select('stall_at')
        .where('stall_at', 'is not', null)
        .orderBy('stall_at')
        .limit(1)
        .executeTakeFirst()
      return row?.stall_at ?? undefined
    },

    async leasedBy(tx, workerId) {
      const found = await within(tx)
        .selectFrom('task_runs')
        .select(['run_id', 'lease_token'])
        .where('status', '=', 'running')
        .where('worker_id', '=', workerId)
        .execute()
      return found.map((row) => ({ runId: row.run_id, leaseToken: row.lease_token! }))
    },

    async leftBehind(queues, limit) {
      if (engine.kind === 'postgres') return []
      const found = await reads
        .selectFrom('work')
        .select(['id', 'lease_token'])
        .where('due_at', 'is not', null)
        .where('state', '=', 'running')
        .where('kind', '=', 'task')
        .where('queue', 'in', queues)
        .limit(limit)
        .execute()
      return found.map((row) => ({ id: row.id, leaseToken: row.lease_token! }))
    },

    trim: (before) => trim(engine, before),
  }
}

function sum(numbers: readonly (number | null)[]): number {
  return numbers.reduce<number>((total, number) => total + (number ?? 0), 0)
}

function isBeyond({ createdAt, runId }: RunPlace) {
  return (where: ExpressionBuilder<StateTables, 'task_runs'>) =>
    where(where.refTuple('created_at', 'run_id'), '>', where.tuple(createdAt, runId))
}

const heldText = `select * from task_runs where task_id = ? and held > 0 and completed_at is null
  order by held, created_at, run_id limit ?`

const heldForText = `select * from task_runs where task_id = ? and held = ? and held > 0 and completed_at is null
  and (created_at, run_id) > (?, ?) order by created_at, run_id limit ?`

const anyHeldText = 'select 1 from task_runs where task_id = ? and held > 0 and completed_at is null limit 1'

const busyText = `select 1 from task_runs where task_id = ? and in_turn = 1 and held = 0 and completed_at is null
  limit 1`

const liveRetryText = 'select run_id from task_runs where task_id = ? and completed_at is null and retry_of = ? limit 1'

/** Of ids in the order of bytes PostgreSQL would compare each with each: no index of `work` is in that order. */
function holdBackText(kind: StateEngine['kind']): string {
  const [id, locking] = kind === 'postgres' ? ['run_id collate "default"', 'order by id for update'] : ['run_id', '']
  return `update work set ready = 0, waiting_for_json = ?, version = version + 1 where id in (
    select id from work where state = 'pending' and waiting_for_json is null
    and id in (select ${id} from task_runs where task_id = ? and completed_at is null) ${locking}
  )`
}

const lockText = `select * from task_runs where run_id in (select json_array_elements_text($1))
  order by run_id for update`

const tickText = `select 1 from task_runs where task_id = ? and scheduled_for = ?
  and retry_of is null and status not in ('skipped', 'missed') limit 1`

async function trim(engine: StateEngine, before: number): Promise<boolean> {
  const { reads } = engine
  const old = await reads
    .selectFrom('task_runs')
    .select('run_id')
    .where('completed_at', '<', before)
    .where((where) =>
      where.not(
        where.exists(
          where
            .selectFrom('tasks')
            .select('tasks.task_id')
            .whereRef('tasks.task_id', '=', 'task_runs.task_id')
            .whereRef('last_completed_run', '=', 'task_runs.run_id')
            .where('deleted_at', 'is', null),
        ),
      ),
    )
    .orderBy('completed_at')
    .limit(trimmedAtOnce)
    .execute()
  const runIds = old.map((row) => row.run_id)
  const gone = await reads
    .selectFrom('tasks')
    .select('tasks.task_id')
    .where('deleted_at', '<', before)
    .where((where) => {
      const runs = where.selectFrom('task_runs').select('run_id').whereRef('task_runs.task_id', '=', 'tasks.task_id')
      return where.not(where.exists(runIds.length === 0 ? runs : runs.where('run_id', 'not in', runIds)))
    })
    .limit(trimmedAtOnce)
    .execute()
  const taskIds = gone.map((row) => row.task_id)
  if (runIds.length === 0 && taskIds.length === 0) return false
  await engine.write(async (tx) => {
    const db = within(tx)
    if (runIds.length > 0) {
      await db.deleteFrom('work').where('id', 'in', runIds).execute()
      await db.deleteFrom('task_run_log').where('run_id', 'in', runIds).execute()
      await db.deleteFrom('task_runs').where('run_id', 'in', runIds).execute()
    }
    if (taskIds.length > 0) await db.deleteFrom('tasks').where('task_id', 'in', taskIds).execute()
  })
  return runIds.length === trimmedAtOnce || taskIds.length === trimmedAtOnce
}
