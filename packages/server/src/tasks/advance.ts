import type { Tx } from '../core/context.ts'
import { newTraceId } from '../core/ids.ts'
import { scheduleOf } from './definition.ts'
import type { TaskDeps } from './deps.ts'
import { dueTicks } from './due-ticks.ts'
import { endHeld, endSome } from './end-in-steps.ts'
import { fireDependent } from './fire-dependent.ts'
import { fireTriggers } from './fire-triggers.ts'
import type { Moment } from './gates.ts'
import { makeRun, noteEnded, type Occasion } from './make-run.ts'
import { type LeftToDo, nothingLeft, openGates } from './open-gates.ts'
import { isLive, isSpent, type TaskRecord } from './record.ts'
import { previousAtOrBefore } from './schedule.ts'
import { standAs } from './standing.ts'
import { stopRuns } from './stop-runs.ts'

/**
 * Does all that is due of one task: its ticks, the events that triggered it, what it depends on, and the gates of its runs that
 * wait. A call that finds nothing to do changes nothing: several nodes, and several calls, come to the same. Of what there is
 * much it does some, and sees to it that it is called again.
 */
export async function advanceTask(
  deps: TaskDeps,
  tx: Tx,
  taskId: string,
  now: number,
  more: Pick<Moment, 'guard' | 'after'> = {},
): Promise<LeftToDo> {
  const task = await deps.store.lock(tx, taskId)
  if (!task) return nothingLeft
  const moment: Moment = { now, ...more }
  const waiting = task.activeRuns
  await endSome(deps, tx, task)
  const firing = await fireAll(deps, tx, task, moment)
  const left = await passWaiting(deps, tx, task, moment, waiting)
  standAs(task, now)
  const tick = isLive(task) ? task.nextTick : null
  const due = [firing, left.wakeAt, tick, task.endings.length > 0 ? now : null].filter((at) => at !== null)
  task.wakeAt = due.length === 0 ? null : Math.min(...due)
  await deps.store.save(tx, task)
  const { wakeAt } = task
  if (wakeAt !== null) deps.store.afterCommit(tx, () => deps.expect(wakeAt))
  return left
}

/**
 * Does all that is due of one task by now, in one transaction however much it is: for what ends its schedule, or pauses it, and
 * so leaves no other time for that.
 */
export async function advanceWholly(deps: TaskDeps, tx: Tx, task: TaskRecord, now: number): Promise<void> {
  do await advanceTask(deps, tx, task.taskId, now)
  while (isLive(task) && task.nextTick !== null && task.nextTick <= now)
}

/** Makes the runs that are due. Returns when there are more, so far as is known. */
async function fireAll(deps: TaskDeps, tx: Tx, task: TaskRecord, moment: Moment): Promise<number | null> {
  if (task.deletedAt !== null || task.endedAt !== null) {
    await deps.store.forgetTriggers(tx, task.taskId)
    return null
  }
  const wakeAt = task.definition.trigger ? await fireTriggers(deps, tx, task, moment) : null
  if (!isLive(task)) return wakeAt
  if (task.nextTick !== null && task.nextTick <= moment.now) await fireTicks(deps, tx, task, moment)
  if (task.definition.type === 'dependent') await fireDependent(deps, tx, task, moment)
  endIfSpent(task, moment.now)
  if (isLive(task)) return wakeAt
  deps.store.afterCommit(tx, () => deps.triggers.put(task))
  await deps.store.forgetTriggers(tx, task.taskId)
  return null
}

/**
 * Lets runs that wait through their gates. Those made just now have tried theirs, but for the guard, of which telemetry has to
 * be asked first.
 */
async function passWaiting(
  deps: TaskDeps,
  tx: Tx,
  task: TaskRecord,
  moment: Moment,
  waiting: number,
): Promise<LeftToDo> {
  // What is to end begins no more.
  if (task.endings.length > 0) return nothingLeft
  if (task.deletedAt !== null) {
    const isMore = waiting > 0 && (await endHeld(deps, tx, task))
    return { ...nothingLeft, wakeAt: isMore ? moment.now : null, isMore }
  }
  const isAsking = task.activeRuns > 0 && task.definition.guard !== undefined
  return waiting > 0 || isAsking ? openGates(deps, tx, task, moment) : nothingLeft
}

async function fireTicks(deps: TaskDeps, tx: Tx, task: TaskRecord, moment: Moment): Promise<void> {
  const { definition, createdAt } = task
  const { now } = moment
  const schedule = scheduleOf(definition, createdAt)
  if (!schedule || definition.type === 'one_time') {
    const tick = task.nextTick!
    task.nextTick = null
    await makeRun(deps, tx, task, { ...occasionOf(task, tick), cause: 'once' }, moment)
    return
  }
  const { fire, late, missed, before, next } = dueTicks(schedule, {
    misfire: definition.misfire,
    next: task.nextTick!,
    now,
  })
  const miss = (tick: number, reason: string) =>
    noteEnded(deps, tx, task, occasionOf(task, tick), { status: 'missed', reason }, now)
  const make = async (tick: number, mustQueue: boolean) => {
    if (isSpent(task)) return
    await giveUpWaiting(deps, tx, task)
    const dependenciesSince = previousAtOrBefore(schedule, tick - 1) ?? 0
    await makeRun(deps, tx, task, { ...occasionOf(task, tick), dependenciesSince, mustQueue }, moment)
  }
  if (before !== null) await miss(before, 'misfire_and_all_before')
  const past = [...missed, ...late]
  for (const [i, tick] of past.slice(0, pastAtOnce).entries())
    await (i < missed.length ? miss(tick, 'misfire') : make(tick, true))
  task.nextTick = past[pastAtOnce] ?? next ?? null
  // Behind those that are late it would be left out for their sake.
  if (past.length <= pastAtOnce) for (const tick of fire) await make(tick, late.length > 0)
}

/** So many ticks that came while nobody was there have their runs in a transaction; the others and those after them follow. */
const pastAtOnce = 100

function occasionOf(task: TaskRecord, scheduledFor: number): Occasion {
  return { cause: 'schedule', scheduledFor, traceId: newTraceId(), causeId: task.eventId }
}

/** Of those that wait each tick ends the ones before it: there are few. */
const givenUpMax = 100

/** A tick that still waits for what it depends on when the next one comes has come to nothing. */
async function giveUpWaiting(deps: TaskDeps, tx: Tx, task: TaskRecord): Promise<void> {
  if (task.activeRuns === 0 || (task.definition.dependencies ?? []).length === 0) return
  const waiting = await deps.store.heldRuns(tx, task.taskId, { heldFor: 'dependency', limit: givenUpMax })
  const ticks = waiting.filter(({ cause }) => cause === 'schedule')
  await stopRuns(deps, tx, ticks, { status: 'skipped', reason: 'dependency_not_met' })
}

function endIfSpent(task: TaskRecord, now: number): void {
  const { type } = task.definition
  const isOver = type === 'scheduled' && task.nextTick === null
  if (!isSpent(task) && !isOver) return
  task.endedAt = now
  task.statusReason = isSpent(task) ? 'max_runs' : 'schedule_over'
  task.nextTick = null
}
