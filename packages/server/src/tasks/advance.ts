import { taskLimits } from '@nexus/contract'
import type { Tx } from '../core/context.ts'
import { newTraceId } from '../core/ids.ts'
import { scheduleOf } from './definition.ts'
import type { TaskDeps } from './deps.ts'
import { dueTicks } from './due-ticks.ts'
import { endRun } from './end-run.ts'
import { fireDependent } from './fire-dependent.ts'
import { fireTriggers } from './fire-triggers.ts'
import type { Look } from './gates.ts'
import { lookAtRuns } from './look-at-runs.ts'
import { makeRun, noteEnded, type Occasion } from './make-run.ts'
import { isLive, isSpent, type TaskRecord } from './record.ts'
import { previousAtOrBefore } from './schedule.ts'
import { standAs } from './standing.ts'

/**
 * Does all that is due of one task: its ticks, the events that triggered it, what it depends on, and the gates of its runs that
 * wait. Whoever finds nothing to do changes nothing: several nodes, and several calls, come to the same.
 */
export async function advanceTask(
  deps: TaskDeps,
  tx: Tx,
  taskId: string,
  now: number,
  guard?: Look['guard'],
): Promise<void> {
  const task = await deps.store.lock(tx, taskId)
  if (!task) return
  const look: Look = { now, guard }
  const waiting = task.activeRuns
  const wakes: (number | null)[] = []
  if (task.definition.trigger && task.deletedAt === null && task.endedAt === null)
    wakes.push(await fireTriggers(deps, tx, task, look))
  if (isLive(task)) {
    if (task.nextTick !== null && task.nextTick <= now) await fireTicks(deps, tx, task, look)
    if (task.definition.type === 'dependent') await fireDependent(deps, tx, task, look)
    endIfSpent(task, now)
    if (!isLive(task)) deps.store.afterCommit(tx, () => deps.triggers.put(task))
  }
  // What was made just now has been looked at, but for its guard, of which telemetry has to be asked first.
  const isAsking = task.activeRuns > 0 && task.definition.guard !== undefined
  if (task.deletedAt !== null || task.endedAt !== null) await deps.store.forgetTriggers(tx, taskId)
  if (waiting > 0 || isAsking) wakes.push(await lookAtRuns(deps, tx, task, look))
  standAs(task, now)
  if (isLive(task)) wakes.push(task.nextTick)
  const due = wakes.filter((at) => at !== null)
  task.wakeAt = due.length === 0 ? null : Math.min(...due)
  await deps.store.save(tx, task)
  const { wakeAt } = task
  if (wakeAt !== null) deps.store.afterCommit(tx, () => deps.expect(wakeAt))
}

async function fireTicks(deps: TaskDeps, tx: Tx, task: TaskRecord, look: Look): Promise<void> {
  const { definition, createdAt } = task
  const { now } = look
  const schedule = scheduleOf(definition, createdAt)
  if (!schedule || definition.type === 'one_time') {
    const tick = task.nextTick!
    task.nextTick = null
    await makeRun(deps, tx, task, { ...occasionOf(task, tick), cause: 'once' }, look)
    return
  }
  const { fire, late, missed, before, next } = dueTicks(schedule, {
    misfire: definition.misfire,
    next: task.nextTick!,
    now,
  })
  task.nextTick = next ?? null
  const miss = (tick: number, reason: string) =>
    noteEnded(deps, tx, task, occasionOf(task, tick), { status: 'missed', reason }, now)
  if (before !== null) await miss(before, 'misfire_and_all_before')
  for (const tick of missed) await miss(tick, 'misfire')
  for (const [i, tick] of [...late, ...fire].entries()) {
    if (isSpent(task)) break
    await giveUpWaiting(deps, tx, task)
    const dependenciesSince = previousAtOrBefore(schedule, tick - 1) ?? 0
    await makeRun(deps, tx, task, { ...occasionOf(task, tick), dependenciesSince, mustQueue: i < late.length }, look)
  }
}

function occasionOf(task: TaskRecord, scheduledFor: number): Occasion {
  return { cause: 'schedule', scheduledFor, traceId: newTraceId(), causeId: task.eventId }
}

/** A tick that still waits for what it depends on when the next one comes has come to nothing. */
async function giveUpWaiting(deps: TaskDeps, tx: Tx, task: TaskRecord): Promise<void> {
  if (task.activeRuns === 0 || (task.definition.dependencies ?? []).length === 0) return
  const active = await deps.store.activeRuns(tx, task.taskId, taskLimits.activeRunsMax)
  const queued = active.filter(({ status, cause }) => status === 'queued' && cause === 'schedule')
  const items = await deps.work.find(
    queued.map(({ runId }) => runId),
    tx,
  )
  const waiting = new Set(items.filter(({ waitingFor }) => waitingFor?.reason === 'dependency').map(({ id }) => id))
  for (const run of queued)
    if (waiting.has(run.runId)) await endRun(deps, tx, run, { status: 'skipped', reason: 'dependency_not_met' })
}

function endIfSpent(task: TaskRecord, now: number): void {
  const { type } = task.definition
  const isOver = type === 'scheduled' && task.nextTick === null
  if (!isSpent(task) && !isOver) return
  task.endedAt = now
  task.statusReason = isSpent(task) ? 'max_runs' : 'schedule_over'
  task.nextTick = null
}
