import type { Input } from '@nexus/contract'
import type { WriteCtx } from '../core/context.ts'
import { type Handlers, prepared } from '../core/invoke.ts'
import { backfillTask, prepareBackfill } from './backfill.ts'
import { cancelTask, pauseTask, resumeTask } from './control.ts'
import { createTask, prepareTask } from './create.ts'
import { deleteTask } from './delete.ts'
import type { TaskDeps } from './deps.ts'
import { executedByNow, executeTask } from './execute.ts'
import { getTask, previewSchedule } from './get.ts'
import { heartbeatWorker } from './heartbeats.ts'
import { leaseRuns } from './lease.ts'
import { listTasks } from './list.ts'
import { listWorkers } from './list-workers.ts'
import { logRun } from './log.ts'
import { releaseRuns } from './release.ts'
import { checkCheckpoint, checkEnd, endRun, heartbeatRun } from './report.ts'
import { answerReport, checkReport, prepareReport, reportEnds } from './report-ends.ts'
import { cancelRun, getRun, listAllRuns, listRunLog, listRuns, retryRun } from './runs.ts'
import { prepareUpdate, updateTask } from './update.ts'

export type TaskHandlers = Pick<
  Handlers,
  Extract<keyof Handlers, `tasks.${string}` | `runs.${string}` | `workers.${string}`>
>

export function taskHandlers(deps: TaskDeps): TaskHandlers {
  return {
    'tasks.create': prepared({
      prepare: (ctx, input) => prepareTask(deps, ctx, input),
      run: (ctx, input) => createTask(deps, ctx, input),
    }),
    'tasks.list': (ctx, input) => listTasks(deps, ctx, input),
    'tasks.get': (ctx, input) => getTask(deps, ctx, input),
    'tasks.update': prepared({
      prepare: (ctx, input) => prepareUpdate(deps, ctx, input),
      run: (ctx, input) => updateTask(deps, ctx, input),
    }),
    'tasks.delete': (ctx, input) => deleteTask(deps, ctx, input),
    'tasks.execute': {
      run: (ctx: WriteCtx, input: Input<'tasks.execute'>) => executeTask(deps, ctx, input),
      repeated: (_ctx, _input, executed) => executedByNow(deps, executed),
    },
    'tasks.pause': (ctx, input) => pauseTask(deps, ctx, input),
    'tasks.resume': (ctx, input) => resumeTask(deps, ctx, input),
    'tasks.cancel': (ctx, input) => cancelTask(deps, ctx, input),
    'tasks.backfill': prepared({
      prepare: (ctx, input) => prepareBackfill(deps, ctx, input),
      run: (ctx, input, before) => backfillTask(deps, ctx, input, before),
    }),
    'tasks.schedule': (ctx, input) => previewSchedule(deps, ctx, input),
    'tasks.runs.list': (ctx, input) => listRuns(deps, ctx, input),
    'runs.list': (ctx, input) => listAllRuns(deps, ctx, input),
    'runs.get': (ctx, input) => getRun(deps, ctx, input),
    'runs.logs.list': (ctx, input) => listRunLog(deps, ctx, input),
    'runs.cancel': (ctx, input) => cancelRun(deps, ctx, input),
    'runs.retry': (ctx, input) => retryRun(deps, ctx, input),
    'workers.list': (ctx, input) => listWorkers(deps, ctx, input),
    'workers.lease': (ctx, input) => leaseRuns(deps, ctx, input),
    'workers.release': (ctx, input) => releaseRuns(deps, ctx, input),
    'workers.heartbeat': (ctx, input) => heartbeatWorker(deps, ctx, input),
    'workers.report': prepared({
      check: checkReport,
      prepare: (_ctx, input) => prepareReport(input),
      run: (ctx, input, ready) => reportEnds(deps, ctx, input, ready),
      answer: (ctx, input, reported) => answerReport(deps, ctx, input, reported),
    }),
    'runs.heartbeat': prepared({
      prepare: async (_ctx, { checkpoint }) => checkCheckpoint(checkpoint),
      run: (ctx, input) => heartbeatRun(deps, ctx, input),
    }),
    'runs.complete': prepared({
      prepare: async (_ctx, input) => checkEnd(input),
      run: (ctx, input) => endRun(deps, ctx, input),
    }),
    'runs.fail': (ctx, input) => endRun(deps, ctx, input),
    'runs.logs.add': (ctx, input) => logRun(deps, ctx, input),
  }
}
