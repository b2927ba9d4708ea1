import { type RunCause, taskLimits } from '@nexus/contract'
import type { Tx } from '../core/context.ts'
import { newIdAt } from '../core/ids.ts'
import type { NewWork } from '../work/index.ts'
import { attemptsFor, dependencyPolicyOf, handlerOf, overlapOf, parametersOf } from './definition.ts'
import type { TaskDeps } from './deps.ts'
import { endError } from './end-error.ts'
import { askToEnd, endSome } from './end-in-steps.ts'
import { type Moment, passGates } from './gates.ts'
import { jitterMs } from './jitter.ts'
import { noteEnds } from './note-ends.ts'
import { newsOfEnd, publishRuns } from './publish.ts'
import { byHand, type HeldFor, type RunPlan, type RunRecord, type TaskRecord } from './record.ts'
import { stallMs, workQueueOf } from './run-work.ts'

/** What a run is made for. */
export interface Occasion {
  cause: RunCause
  scheduledFor?: number | null
  event?: RunPlan['event']
  /** Laid over those of the task. */
  parameters?: Readonly<Record<string, unknown>> | undefined
  /** An end of a dependency counts if it came after this. */
  dependenciesSince?: number
  dedupeKey?: string | null
  /** Waits for those before it, whatever `overlap` says, unless that allows them beside one another. */
  mustQueue?: boolean
  traceId: string
  causeId: string | null
}

/**
 * Makes a run of a task that is locked. One that `overlap` leaves out, or for which there is no room, is `skipped`. Undefined:
 * its tick has a run.
 */
export async function makeRun(
  deps: TaskDeps,
  tx: Tx,
  task: TaskRecord,
  occasion: Occasion,
  moment: Moment,
): Promise<RunRecord | undefined> {
  const { scheduledFor = null } = occasion
  if (scheduledFor !== null && (await deps.store.hasTick(tx, task.taskId, scheduledFor))) return undefined
  const refusal = await overlapRefusal(deps, tx, task, occasion)
  if (refusal !== undefined)
    return noteEnded(deps, tx, task, occasion, { status: 'skipped', reason: refusal }, moment.now)
  return startRun(deps, tx, task, newRun(task, occasion, moment.now), moment)
}

/** Queues a run, as far as its gates let it. */
export async function startRun(
  deps: TaskDeps,
  tx: Tx,
  task: TaskRecord,
  run: RunRecord,
  moment: Moment,
): Promise<RunRecord> {
  const { now } = moment
  const notBefore = notBeforeOf(task, run)
  const passed = await passGates(deps, tx, task, run, { ...moment, isBusy: task.activeRuns > 0 })
  if ('end' in passed) {
    Object.assign(run, {
      status: passed.end,
      statusReason: passed.reason,
      error: passed.error,
      completedAt: now,
    })
    await insertEnded(deps, tx, task, run)
    return run
  }
  run.parameters = passed.parameters
  await publishRuns(deps, tx, [{ type: 'task.queued', run }])
  run.heldFor = passed.waitingFor && (passed.waitingFor.reason as HeldFor)
  if (run.heldFor === null) run.stallAt = stallAtOf(run, Math.max(now, notBefore ?? now))
  await deps.store.insertRun(tx, run)
  task.activeRuns++
  if (!byHand.includes(run.cause)) task.firedAt = now
  if (run.cause !== 'retry') task.runsMade++
  if (!byHand.includes(run.cause) && run.cause !== 'backfill') task.ownRuns++
  await deps.work.enqueue(tx, [workOf(task, run, { ...passed, notBefore })])
  return run
}

/** A run that never was: its tick was missed, or it was left out. */
export async function noteEnded(
  deps: TaskDeps,
  tx: Tx,
  task: TaskRecord,
  occasion: Occasion,
  { status, reason }: { status: 'skipped' | 'missed' | 'failed'; reason: string },
  now: number,
): Promise<RunRecord> {
  const ended = { status, statusReason: reason, error: endError(status, reason), completedAt: now }
  const run = { ...newRun(task, occasion, now), ...ended }
  await insertEnded(deps, tx, task, run)
  return run
}

/** One that ends as it is made is told to its task, and to those that depend on it, as any other. */
async function insertEnded(deps: TaskDeps, tx: Tx, task: TaskRecord, run: RunRecord): Promise<void> {
  await publishRuns(deps, tx, newsOfEnd(run))
  await deps.store.insertRun(tx, run)
  if (run.status === 'missed') return
  if (!byHand.includes(run.cause)) task.firedAt = run.createdAt
  task.activeRuns++
  await noteEnds(deps, tx, [{ before: { ...run, status: 'queued' }, after: run }], run.createdAt)
}

async function overlapRefusal(
  deps: TaskDeps,
  tx: Tx,
  task: TaskRecord,
  { cause, mustQueue }: Occasion,
): Promise<string | undefined> {
  if (task.activeRuns >= taskLimits.activeRunsMax) return 'too_many_active_runs'
  if (task.activeRuns === 0 || byHand.includes(cause) || mustQueue) return undefined
  const before = await deps.store.countInTurn(tx, task.taskId, 2)
  if (before === 0) return undefined
  const overlap = overlapOf(task.definition)
  switch (overlap) {
    case 'skip':
      return 'overlap'
    case 'queue_one':
      // One runs, or is about to, and one waits.
      return before > 1 ? 'overlap' : undefined
    case 'cancel_running': {
      await askToEnd(deps, tx, task, { reason: 'replaced', inTurn: true })
      await endSome(deps, tx, task)
      return undefined
    }
    case 'queue_all':
    case 'allow':
      return undefined
    default:
      return overlap satisfies never
  }
}

export function newRun(task: TaskRecord, occasion: Occasion, now: number): RunRecord {
  return {
    runId: newIdAt('run', now),
    taskId: task.taskId,
    keyId: task.runsAs,
    cause: occasion.cause,
    scheduledFor: occasion.scheduledFor ?? null,
    plan: planOf(task, occasion),
    retryOf: null,
    dedupeKey: occasion.dedupeKey ?? null,
    createdAt: now,
    traceId: occasion.traceId,
    causeId: occasion.causeId,
    heldFor: null,
    status: 'queued',
    statusReason: null,
    parameters: null,
    attempt: 0,
    leaseToken: null,
    workerId: null,
    checkpoint: null,
    progress: null,
    toldAt: null,
    result: null,
    error: null,
    log: { lines: 0, bytes: 0, dropped: 0 },
    stallAt: null,
    startedAt: null,
    completedAt: null,
    seq: 0,
    firstEventId: null,
    lastEventId: null,
  }
}

function planOf(
  { definition }: TaskRecord,
  { cause, event = null, parameters, dependenciesSince = 0 }: Occasion,
): RunPlan {
  const { name, dependencies = [] } = definition
  const isFree = byHand.includes(cause) || cause === 'backfill'
  return {
    name,
    handler: handlerOf(definition),
    parameters: { ...parametersOf(definition), ...parameters },
    dependencies: isFree || cause === 'dependency' ? [] : dependencies,
    dependencyPolicy: { ...definition.dependency_policy, ...dependencyPolicyOf(definition) },
    dependenciesSince,
    isGuarded: !isFree,
    inTurn: !byHand.includes(cause) && overlapOf(definition) !== 'allow',
    event,
  }
}

function notBeforeOf({ taskId, definition }: TaskRecord, { cause, scheduledFor }: RunRecord): number | null {
  const jitter = definition.schedule?.jitter_seconds ?? 0
  if (cause !== 'schedule' || scheduledFor === null || jitter === 0) return null
  return scheduledFor + jitterMs(taskId, scheduledFor, jitter)
}

function stallAtOf({ plan }: RunRecord, readyAt: number): number | null {
  return plan.handler.type === 'worker' ? readyAt + stallMs : null
}

function workOf(
  { definition }: TaskRecord,
  run: RunRecord,
  { waitingFor, startBy, notBefore }: Pick<NewWork, 'waitingFor' | 'startBy' | 'notBefore'>,
): NewWork {
  return {
    id: run.runId,
    kind: 'task',
    queue: workQueueOf(run.plan),
    priority: definition.priority ?? 'normal',
    fairKey: run.keyId,
    orderingKey: null,
    retry: attemptsFor(definition),
    leaseMs: taskLimits.leaseSeconds * 1000,
    attemptMs: definition.timeout_seconds === undefined ? null : definition.timeout_seconds * 1000,
    startBy,
    notBefore,
    waitingFor,
    traceId: run.traceId,
    causeId: run.causeId,
  }
}
