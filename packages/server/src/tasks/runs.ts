import type { Input, Output, Run } from '@nexus/contract'
import type { Ctx, WriteCtx } from '../core/context.ts'
import { fail } from '../core/failure.ts'
import { decodeCursor, encodeCursor, page } from '../core/paging.ts'
import { foundRun, foundTask, lockedTask, type TaskDeps } from './deps.ts'
import { assertRoom } from './execute.ts'
import { newRun, startRun } from './make-run.ts'
import { hasRunEnded, type RunPlace, type RunRecord } from './record.ts'
import { shownRuns } from './shown.ts'
import { stopRuns } from './stop-runs.ts'

const limitDefault = 50

/** Newest first; also of a task that was deleted. Errors: NOT_FOUND. */
export async function listRuns(
  deps: TaskDeps,
  _ctx: Ctx,
  { task_id, status, cursor, limit = limitDefault }: Input<'tasks.runs.list'>,
): Promise<Output<'tasks.runs.list'>> {
  const before = cursor === undefined ? undefined : positionOf(cursor)
  const found = await deps.store.places({ taskId: task_id, status, before, limit: limit + 1 })
  if (found.length === 0 && !(await deps.store.hasRuns(task_id))) await foundTask(deps, task_id)
  const { runs, isWhole } = await pageOf(
    deps,
    found.slice(0, limit).map(({ runId }) => runId),
  )
  return { runs: await shownRuns(deps, runs), next_cursor: isWhole && found.length <= limit ? null : cursorAt(runs) }
}

/** Newest first. A page has as many of those that are wanted as were found among so many that were read. */
export async function listAllRuns(
  deps: TaskDeps,
  _ctx: Ctx,
  { cursor, limit = limitDefault, task_id, worker_id, ...filter }: Input<'runs.list'>,
): Promise<Output<'runs.list'>> {
  const before = cursor === undefined ? undefined : positionOf(cursor)
  const wanted = { ...filter, taskId: task_id, workerId: worker_id, before, limit: limit + 1 }
  const { runIds, lookedTo } = await deps.store.search(wanted)
  const { runs, isWhole } = await pageOf(deps, runIds.slice(0, limit))
  const hasMore = !isWhole || runIds.length > limit
  const end = hasMore ? cursorAt(runs) : lookedTo && cursorAt([lookedTo])
  return { runs: await shownRuns(deps, runs), next_cursor: end }
}

/** Of what is sealed; so that nobody else waits for the page of another. */
const pageBytes = 4 * 1024 * 1024

/** As many of the first as one answer may have. */
async function pageOf(
  { store }: TaskDeps,
  runIds: readonly string[],
): Promise<{ runs: RunRecord[]; isWhole: boolean }> {
  const count = await store.fitting(runIds, pageBytes)
  const byId = new Map((await store.findRuns(runIds.slice(0, count))).map((run) => [run.runId, run]))
  return { runs: runIds.slice(0, count).flatMap((runId) => byId.get(runId) ?? []), isWhole: count === runIds.length }
}

/** Behind the last of them. */
function cursorAt(places: readonly RunPlace[]): string | null {
  const last = places.at(-1)
  return last ? encodeCursor([last.createdAt, last.runId]) : null
}

function positionOf(cursor: string): { createdAt: number; runId: string } {
  const [createdAt, runId] = decodeCursor(cursor, ['number', 'string']) as [number, string]
  return { createdAt, runId }
}

/** Errors: NOT_FOUND. */
export async function getRun(deps: TaskDeps, _ctx: Ctx, { run_id }: Input<'runs.get'>): Promise<Run> {
  return shownOne(deps, await foundRun(deps, run_id))
}

/** In the order in which lines came. Errors: NOT_FOUND. */
export async function listRunLog(
  deps: TaskDeps,
  _ctx: Ctx,
  { run_id, cursor, limit = limitDefault }: Input<'runs.logs.list'>,
): Promise<Output<'runs.logs.list'>> {
  const { log } = await foundRun(deps, run_id)
  const after = cursor === undefined ? undefined : (decodeCursor(cursor, ['number'])[0] as number)
  const found = await deps.store.log(run_id, { after, limit: limit + 1 })
  const { rows, next } = page(found, limit, ({ seq }) => [seq])
  return { lines: rows, dropped: log.dropped, next_cursor: next }
}

/** Errors: NOT_FOUND, CONFLICT (`run_ended`). */
export async function cancelRun(deps: TaskDeps, ctx: WriteCtx, { run_id }: Input<'runs.cancel'>): Promise<Run> {
  const { tx } = ctx
  const run = await foundRun(deps, run_id, tx)
  if (hasRunEnded(run.status)) throw runEnded(run)
  await stopRuns(deps, tx, [run], { reason: 'cancelled' })
  return shownOne(deps, await foundRun(deps, run_id, tx), ctx)
}

/** With what it had, as a run of its own. Errors: NOT_FOUND, CONFLICT (`run_active`, `retry_live`, `too_many_active_runs`). */
export async function retryRun(deps: TaskDeps, ctx: WriteCtx, { run_id }: Input<'runs.retry'>): Promise<Run> {
  const { tx } = ctx
  const now = ctx.now()
  const before = await foundRun(deps, run_id, tx)
  if (!hasRunEnded(before.status))
    throw fail('CONFLICT', { reason: 'run_active', status: before.status, issue: `the run is ${before.status}` })
  const task = await lockedTask(deps, tx, before.taskId)
  const live = await deps.store.liveRetry(tx, before)
  if (live !== undefined)
    throw fail('CONFLICT', { reason: 'retry_live', run_id: live, issue: `its retry ${live} has not ended` })
  assertRoom(task)
  const occasion = { cause: 'retry' as const, scheduledFor: before.scheduledFor, traceId: before.traceId }
  const fresh = newRun(task, { ...occasion, causeId: before.lastEventId }, now)
  const plan = { ...before.plan, dependencies: [], isGuarded: false, inTurn: false }
  const run = (await startRun(
    deps,
    tx,
    task,
    { ...fresh, keyId: before.keyId, plan, retryOf: run_id },
    { now },
  )) as RunRecord
  await deps.store.save(tx, task)
  return shownOne(deps, run, ctx)
}

function runEnded({ status }: RunRecord) {
  return fail('CONFLICT', { reason: 'run_ended', status, issue: `the run has ended: it is ${status}` })
}

async function shownOne(deps: TaskDeps, run: RunRecord, ctx?: Pick<WriteCtx, 'tx'>): Promise<Run> {
  const [shown] = await shownRuns(deps, [run], ctx?.tx)
  return shown!
}
