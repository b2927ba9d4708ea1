import type { Change, OnChange, WorkItem } from '../work/index.ts'
import type { Said, TaskDeps } from './deps.ts'
import { endError } from './end-error.ts'
import { noteEnds } from './note-ends.ts'
import { newsOfChange, publishRuns } from './publish.ts'
import { hasRunEnded, type RunChange, type RunRecord } from './record.ts'
import { stallMs } from './run-work.ts'

/** Brings runs and their tasks up to date with the work behind them, in the transaction in which that changes. */
export function onRunWork(deps: TaskDeps): OnChange {
  const { store, told, watch } = deps
  return async (tx, changes, now) => {
    const news = changes.filter(isNews)
    if (news.length === 0) return
    const found = await store.lockRuns(
      tx,
      news.map(({ after }) => after.id),
    )
    const runs = new Map(found.map((run) => [run.runId, run]))
    const changed = news.flatMap(({ before: was, after: item }): RunChange[] => {
      const before = runs.get(item.id)
      if (!before) return []
      const said = saidBeside(item, told.of(tx, item.id))
      const after = { ...afterWork(before, was!, item, now), ...said }
      return [
        { before, after: { ...after, error: said.error ?? endError(after.status, after.statusReason) ?? after.error } },
      ]
    })
    await publishRuns(
      deps,
      tx,
      changed.flatMap(({ before, after }) => newsOfChange(before, after)),
    )
    await store.saveRuns(
      tx,
      changed.map(({ after }) => after),
    )
    await noteEnds(deps, tx, changed, now)
    store.afterCommit(tx, () => {
      for (const { after } of news) watch.changed(after)
      for (const change of changed) observeChange(deps, change, now)
    })
  }
}

/** That a worker was lost before it was asked to stop says more than why it was. */
function saidBeside({ state, statusReason }: WorkItem, { statusReason: why, ...said }: Said): Said {
  const isKnown = why === undefined || (state === 'cancelled' && statusReason === 'unconfirmed' && !said.status)
  return isKnown ? said : { ...said, statusReason: why }
}

/** More than a sign of life of the worker. */
function isNews({ before, after }: Change): boolean {
  if (!before) return false
  return before.state !== after.state || before.cancelRequestedAt !== after.cancelRequestedAt
}

function afterWork(run: RunRecord, before: WorkItem, item: WorkItem, now: number): RunRecord {
  const { state, attempt, leaseToken, worker } = item
  if (state === 'running') {
    if (before.state !== 'pending') return run
    const startedAt = run.startedAt ?? item.startedAt
    return {
      ...run,
      status: 'running',
      statusReason: null,
      attempt,
      leaseToken,
      workerId: worker,
      startedAt,
      stallAt: null,
    }
  }
  if (state === 'pending') return before.state === 'running' ? queuedAgain(run, item, now) : run
  return { ...run, ...endOf(run, before, item), completedAt: item.endedAt, stallAt: null }
}

function queuedAgain(run: RunRecord, { statusReason, attempt, notBefore }: WorkItem, now: number): RunRecord {
  const stallAt = run.plan.handler.type === 'worker' ? Math.max(now, notBefore ?? now) + stallMs : null
  // Who gave it back never began.
  const startedAt = attempt === 0 ? null : run.startedAt
  return { ...run, status: 'queued', statusReason, attempt, startedAt, progress: null, stallAt }
}

/** Of one that waited too long for what it depends on its policy says what it is. */
function endOf({ plan }: RunRecord, before: WorkItem, item: WorkItem): Pick<RunRecord, 'status' | 'statusReason'> {
  const { state, statusReason } = item
  if (state === 'timeout' && before.waitingFor?.reason === 'dependency')
    return {
      status: plan.dependencyPolicy.on_failure === 'fail' ? 'failed' : 'skipped',
      statusReason: 'dependency_timeout',
    }
  return { status: state as RunRecord['status'], statusReason }
}

function observeChange({ observe }: TaskDeps, { before, after }: RunChange, now: number): void {
  if (before.startedAt === null && after.startedAt !== null)
    observe('started', after.cause, after.startedAt - (after.scheduledFor ?? after.createdAt))
  if (hasRunEnded(after.status) && !hasRunEnded(before.status))
    observe(after.status, after.cause, now - (after.startedAt ?? after.createdAt))
}
