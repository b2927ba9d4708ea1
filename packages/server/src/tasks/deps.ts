import type { RunCause, RunStatus } from '@nexus/contract'
import type { Commands } from '../commands/index.ts'
import type { Principal, Tx } from '../core/context.ts'
import { type Failure, fail } from '../core/failure.ts'
import type { Told } from '../core/told.ts'
import type { Events } from '../events/index.ts'
import type { Work } from '../work/index.ts'
import type { EventDepths } from './event-depths.ts'
import type { Guards } from './guards.ts'
import type { Acting, HttpSender, TaskStore } from './ports.ts'
import type { RunRecord, TaskRecord } from './record.ts'
import type { RunWatch } from './run-watch.ts'
import type { Triggers } from './triggers.ts'
import type { Workers } from './workers.ts'

/** What is said of a run beside what becomes of its work. */
export type Said = Partial<Pick<RunRecord, 'status' | 'statusReason' | 'result' | 'error' | 'checkpoint'>>

export interface TaskDeps {
  store: TaskStore
  work: Work
  events: Pick<Events, 'publish' | 'publishAll' | 'chain'>
  http: Pick<HttpSender, 'check'>
  commands: Pick<Commands, 'assertExecutes'>
  acting: Pick<Acting, 'principal'>
  /** Whether the rate limit lets a worker take runs beside what it reports. */
  mayTake(principal: Principal): boolean
  told: Told<Said>
  triggers: Triggers
  depths: EventDepths
  eventTasksMax: number
  workers: Workers
  watch: RunWatch
  guards: Guards
  /** A task has to be advanced then, maybe earlier than anything before. */
  expect(at: number): void
  now(): number
  observe: RunObserver
}

/** Told of runs that began and ended, and how long after they were due or began; takes no time, and never throws. */
export type RunObserver = (what: 'started' | RunStatus, cause: RunCause, ms: number) => void

/** Errors: NOT_FOUND. */
export async function foundTask({ store }: Pick<TaskDeps, 'store'>, taskId: string, tx?: Tx): Promise<TaskRecord> {
  const [task] = await store.find([taskId], tx)
  if (!task) throw noSuchTask(taskId)
  return task
}

/** A task that nobody else changes until the transaction ends. Errors: NOT_FOUND. */
export async function lockedTask({ store }: Pick<TaskDeps, 'store'>, tx: Tx, taskId: string): Promise<TaskRecord> {
  const task = await store.lock(tx, taskId)
  if (!task || task.deletedAt !== null) throw noSuchTask(taskId)
  return task
}

function noSuchTask(taskId: string) {
  return fail('NOT_FOUND', { reason: 'no_such_task', task_id: taskId })
}

/** Errors: NOT_FOUND. */
export async function foundRun({ store }: Pick<TaskDeps, 'store'>, runId: string, tx?: Tx): Promise<RunRecord> {
  const [run] = await store.findRuns([runId], tx)
  if (!run) throw noSuchRun(runId)
  return run
}

export function noSuchRun(runId: string): Failure {
  return fail('NOT_FOUND', { reason: 'no_such_run', run_id: runId })
}
