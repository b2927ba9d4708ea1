import { taskLimits } from '@nexus/contract'
import type { Principal } from '../core/context.ts'
import { createLoop, type Loop } from '../core/loop.ts'
import { Told } from '../core/told.ts'
import type { Trail } from '../core/trail.ts'
import type { Events } from '../events/index.ts'
import type { Work, WorkRoom } from '../work/index.ts'
import { advanceTask } from './advance.ts'
import { askGuard } from './ask-guard.ts'
import type { RunObserver, TaskDeps } from './deps.ts'
import { EventDepths } from './event-depths.ts'
import { type BuiltInDeps, executeBuiltIn } from './execute-built-in.ts'
import { Executor } from './executor.ts'
import { Guards } from './guards.ts'
import { type TaskHandlers, taskHandlers } from './handlers.ts'
import { lockTasksOf } from './lock-records.ts'
import { onRunWork } from './on-run-work.ts'
import type { Acting, HttpSender, TaskStore } from './ports.ts'
import { keepCheckpoint, settleRun } from './report.ts'
import { runTrail } from './run-trail.ts'
import { RunWatch } from './run-watch.ts'
import { Scheduler } from './scheduler.ts'
import { tellStalled } from './stalled.ts'
import { Triggers } from './triggers.ts'
import { Workers } from './workers.ts'

export type { RunObserver } from './deps.ts'
export type {
  Acting,
  HttpOutcome,
  HttpRequest,
  HttpSender,
  RunFilter,
  RunSearch,
  TaskFilter,
  TaskPage,
  TaskStore,
} from './ports.ts'
export type { FanOutRecord, HeldFor, RunLogRecord, RunPlace, RunRecord, TaskRecord, TriggerRecord } from './record.ts'

export interface TasksOptions {
  store: TaskStore
  work: Work
  events: Pick<Events, 'publish' | 'publishAll' | 'chain' | 'attend'>
  http: HttpSender
  commands: TaskDeps['commands']
  acting: Acting
  mayTake: TaskDeps['mayTake']
  now(): number
  /** Unless told, as many as the contract says. */
  eventTasksMax?: number
  /** How many events may wait to be fanned out to many tasks. */
  fanOutsMax?: number
  /** How long runs are kept after their end. */
  keepMs: number
  observe: RunObserver
  onError(cause: unknown): void
}

export interface Tasks extends Loop {
  /** Runs of Nexus's own handlers have the grace to end. */
  stop(graceMs?: number): Promise<void>
  handlers: TaskHandlers
  /** What the engine asks about the work behind runs. */
  workRoom: WorkRoom
  /** Where the events of a run are. Errors: FORBIDDEN, NOT_FOUND. */
  trail(principal: Principal, runId: string): Promise<Trail>
  /** Learns which tasks events trigger; before anything is published. */
  load(): Promise<void>
  /** Does what is due; the loops do so by themselves. */
  sweep(): Promise<void>
}

const trimRestMs = 60_000

/** Tasks: what is to be done and when; their runs are leased work, done by workers or by Nexus itself. */
export function createTasks(options: TasksOptions): Tasks {
  const { store, work, events, http, commands, acting, mayTake, now, keepMs, observe, onError } = options
  const watch = new RunWatch()
  const scheduler = new Scheduler({
    store,
    advance: (tx, taskId, at, after) => advanceTask(deps, tx, taskId, at, { after }),
    stalled: (tx, runId, at) => tellStalled(deps, tx, runId, at),
    now,
    onError,
  })
  const guards = new Guards({
    store,
    ask: (task, guard) => askGuard({ acting, now }, task, guard),
    advance: (tx, taskId, guard) => advanceTask(deps, tx, taskId, now(), { guard }),
    onError,
  })
  const { fanOutsMax = 10_000 } = options
  const triggers = new Triggers({ store, now, fanOutsMax, wake: () => scheduler.expect(now()), onError })
  const deps: TaskDeps = {
    store,
    work,
    events,
    http,
    commands,
    acting,
    mayTake,
    told: new Told(),
    triggers,
    depths: new EventDepths(events),
    eventTasksMax: options.eventTasksMax ?? taskLimits.eventTasksMax,
    workers: new Workers(now),
    watch,
    guards,
    expect: (at) => scheduler.expect(at),
    now,
    observe,
  }
  const builtIn: BuiltInDeps = {
    acting,
    http,
    keepCheckpoint: (tx, run, checkpoint) => keepCheckpoint(deps, tx, run, checkpoint),
    now,
  }
  const executor = new Executor({
    store,
    work,
    watch,
    execute: (run, signal, stopping) => executeBuiltIn(builtIn, run, signal, stopping),
    settle: (tx, held, outcome) => settleRun(deps, tx, held, outcome),
    onError,
  })
  const trimming = createLoop({
    restMs: trimRestMs,
    onError,
    async run(signal) {
      while (!signal.aborted && (await store.trim(now() - keepMs)));
    },
  })
  events.attend((tx, event) => triggers.published(tx, event))
  const loops = [triggers, scheduler, executor, trimming]
  return {
    handlers: taskHandlers(deps),
    workRoom: { onChange: onRunWork(deps), lockRecords: lockTasksOf(store) },
    trail: (principal, runId) => runTrail(deps, principal, runId),
    load: () => triggers.load(),
    async sweep() {
      await triggers.sweep()
      await scheduler.sweep()
      await guards.settled()
    },
    start: () => {
      for (const loop of loops) loop.start()
    },
    async stop(graceMs = 0) {
      await Promise.all([triggers.stop(), scheduler.stop(), guards.stop(), trimming.stop(), executor.stop(graceMs)])
    },
  }
}
