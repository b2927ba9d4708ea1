import type {
  DependencyPolicy,
  EventType,
  RunCause,
  RunError,
  RunLogLine,
  RunProgress,
  RunStatus,
  TaskDefinition,
  TaskHandler,
  TaskStatus,
} from '@nexus/contract'

/** A task; instants in milliseconds since the epoch. */
export interface TaskRecord {
  readonly taskId: string
  /** The key that created it. */
  readonly createdBy: string
  readonly createdAt: number
  readonly traceId: string
  /** Of `task.created`. */
  readonly eventId: string
  definition: TaskDefinition
  /** The key whose rights its handler has. */
  runsAs: string
  updatedAt: number
  /** Counts the changes of the definition. */
  version: number
  /** While a run is under way it is shown as `running`, whatever stands here. */
  status: Exclude<TaskStatus, 'running'>
  statusReason: string | null
  /** The last time that is over in which events did not make it run. */
  deaf: { from: number; to: number } | null
  pausedAt: number | null
  /** It makes no more runs by itself. */
  endedAt: number | null
  deletedAt: number | null
  /** Its next tick. */
  nextTick: number | null
  /** When it has to be advanced; null: when something happens. */
  wakeAt: number | null
  /** Runs that have not ended. */
  activeRuns: number
  runsMade: number
  /** Those of them that it made by itself. */
  ownRuns: number
  failuresInRow: number
  /** When a run was last made by itself. */
  firedAt: number | null
  lastRun: LastRun | null
  /** The last run that completed, for those that depend on it. */
  lastCompleted: { runId: string; at: number } | null
  lastEndedAt: number | null
  /** What is being cancelled, one after the other. */
  endings: readonly Ending[]
  /** Of a `dependent` task: up to which end of each dependency it has run, by the instant of that; 0: up to none. */
  consumed: Readonly<Record<string, number>>
}

export interface LastRun {
  runId: string
  status: RunStatus
  cause: RunCause
  scheduledFor: number | null
  startedAt: number | null
  completedAt: number
}

/** What a run took from its task when it was made: later changes of the task do not change it. */
export interface RunPlan {
  name: string
  handler: TaskHandler
  /** With the templates as they were written. */
  parameters: Readonly<Record<string, unknown>>
  dependencies: readonly string[]
  dependencyPolicy: DependencyPolicy
  /** An end of a dependency counts if it came after this. */
  dependenciesSince: number
  /** The guard of the task, as it is then, has to hold. */
  isGuarded: boolean
  /** It begins once those before it have ended. */
  inTurn: boolean
  /** The event that triggered it. */
  event: { id: string; type: string; data: object } | null
}

export type HeldFor = 'paused' | 'dependency' | 'concurrency' | 'guard'

/** Where a run stands among those of its task, in the order in which they were made. */
export type RunPlace = Pick<RunRecord, 'createdAt' | 'runId'>

/** Runs of a task that are to end, up to one; `after` is the last that was told so. */
export interface Ending {
  readonly reason: string
  /** None but those that go in turn. */
  readonly inTurn: boolean
  readonly after: RunPlace | null
  readonly upTo: RunPlace
}

export interface RunRecord {
  readonly runId: string
  readonly taskId: string
  /** The key whose rights it has. */
  readonly keyId: string
  readonly cause: RunCause
  readonly scheduledFor: number | null
  readonly plan: RunPlan
  readonly retryOf: string | null
  readonly dedupeKey: string | null
  readonly createdAt: number
  readonly traceId: string
  /** The event that led to it. */
  readonly causeId: string | null
  /** Which of its gates is shut; null: none is. */
  heldFor: HeldFor | null
  status: RunStatus
  statusReason: string | null
  /** As workers get them; null: it has not come that far. */
  parameters: Readonly<Record<string, unknown>> | null
  attempt: number
  /** Of the last attempt. */
  leaseToken: string | null
  workerId: string | null
  checkpoint: unknown
  progress: RunProgress | null
  /** When its progress was last told of. */
  toldAt: number | null
  result: unknown
  error: RunError | null
  /** `lines`: how many were ever kept; `bytes`: of those that are. */
  log: { lines: number; bytes: number; dropped: number }
  /** When it is told that nobody takes it. */
  stallAt: number | null
  startedAt: number | null
  completedAt: number | null
  seq: number
  /** The first and last of its events. */
  firstEventId: string | null
  lastEventId: string | null
}

/** A run as it was read, and what was made of it. */
export interface RunChange {
  before: RunRecord
  after: RunRecord
}

export type RunLogRecord = RunLogLine

/** An event that makes a task run. */
export interface TriggerRecord {
  readonly triggerId: number
  readonly taskId: string
  readonly eventId: string
  readonly type: string
  readonly data: object
  readonly dedupeKey: string | null
  readonly at: number
  readonly traceId: string
}

/** An event that is noted for the tasks that it triggers, one after the other. */
export interface FanOutRecord {
  readonly fanOutId: number
  readonly eventId: string
  readonly type: EventType
  readonly data: object
  readonly at: number
  readonly traceId: string
  /** The last one that was asked; null: none was. */
  readonly afterTask: string | null
}

export function placeOf({ createdAt, runId }: RunRecord): RunPlace {
  return { createdAt, runId }
}

export function hasRunEnded(status: RunStatus): boolean {
  return status !== 'queued' && status !== 'running'
}

/** Whether it makes runs by itself. */
export function isLive({ deletedAt, pausedAt, endedAt }: TaskRecord): boolean {
  return deletedAt === null && pausedAt === null && endedAt === null
}

/** Whether an event that came then does not make it run, for it was paused, or had ended. */
export function isDeafTo({ pausedAt, deaf }: Pick<TaskRecord, 'pausedAt' | 'deaf'>, at: number): boolean {
  if (pausedAt !== null && at >= pausedAt) return true
  return deaf !== null && at >= deaf.from && at < deaf.to
}

/** Runs that a client asked for by themselves. */
export const byHand: readonly RunCause[] = ['manual', 'retry']

/** Whether it has made all the runs that it may by itself. */
export function isSpent({ definition: { max_runs }, ownRuns }: TaskRecord): boolean {
  return max_runs !== undefined && ownRuns >= max_runs
}
