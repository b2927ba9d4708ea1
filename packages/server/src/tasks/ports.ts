import type { Input, OperationId, Output, RunCause, RunStatus, TaskStatus, TaskType } from '@nexus/contract'
import type { Ctx, Principal, Tx } from '../core/context.ts'
import type { WaitingFor } from '../work/index.ts'
import type { FanOutRecord, HeldFor, RunLogRecord, RunPlace, RunRecord, TaskRecord, TriggerRecord } from './record.ts'

export interface TaskFilter {
  status: TaskStatus | undefined
  type: TaskType | undefined
  /** All of which a task must have. */
  tags: readonly (readonly [key: string, value: string])[]
}

export interface TaskPage {
  before: { createdAt: number; taskId: string } | undefined
  offset: number
  limit: number
}

export interface RunFilter {
  taskId: string
  status: RunStatus | undefined
  before: RunPlace | undefined
  limit: number
}

export interface RunSearch {
  taskId: string | undefined
  status?: RunStatus
  /** Of workers. */
  queue?: string
  workerId: string | undefined
  before: RunPlace | undefined
  limit: number
}

/** Runs of a worker from one place: a queue and a name, with a blank between them. */
export interface LeasedRuns {
  workerId: string
  place: string
  runs: number
}

export interface RunRange {
  after?: RunPlace | null
  upTo?: RunPlace
  limit: number
}

export interface TaskStore {
  /** Whether other nodes write too. */
  readonly isShared: boolean
  write<T>(fn: (tx: Tx) => Promise<T>): Promise<T>
  /** Runs once the transaction is durable, before its caller hears of it. */
  afterCommit(tx: Tx, fn: () => void): void

  insert(tx: Tx, task: TaskRecord): Promise<void>
  /** Those that were not deleted. Without `tx`: as committed. */
  find(taskIds: readonly string[], tx?: Tx): Promise<TaskRecord[]>
  /**
   * A task, deleted or not; nobody else changes it until the transaction ends. Within a transaction each call gives the same
   * object, and verbs rely on that: what one of them changes in it all others see, also before it is saved. Undefined: there is
   * none.
   */
  lock(tx: Tx, taskId: string): Promise<TaskRecord | undefined>
  /** Writes what may change of a task. */
  save(tx: Tx, task: TaskRecord): Promise<void>
  /** The same, with its definition, and what follows from that. */
  saveDefinition(tx: Tx, task: TaskRecord): Promise<void>
  list(filter: TaskFilter, page: TaskPage): Promise<TaskRecord[]>
  count(filter: TaskFilter): Promise<number>
  /** The tasks that have to be advanced, the longest due first. */
  due(now: number, limit: number): Promise<string[]>
  nextWake(): Promise<number | undefined>
  /** Says that something happened to a task that others depend on, or that it has to be advanced. */
  signal(tx: Tx, taskId: string): Promise<void>
  /** The oldest signals, but for those of some tasks. */
  signals(limit: number, but: readonly string[]): Promise<{ signalId: number; taskId: string }[]>
  clearSignals(tx: Tx, signalIds: readonly number[]): Promise<void>
  /** The tasks that depend on one. */
  dependents(taskId: string, tx?: Tx): Promise<string[]>
  /** Takes a task that is deleted out of what it is found by. */
  unlink(tx: Tx, taskId: string): Promise<void>
  /**
   * Where others write too: of these tasks no end of a run is noted until the transaction ends. So an end that is noted
   * afterwards sees who depends on the task by then, and one that was noted before is seen. Taken before other locks, or in the
   * order of the ids of tasks.
   */
  lockUpstream(tx: Tx, taskIds: readonly string[]): Promise<void>
  /** Lets one transaction at a time change what depends on what. */
  lockDependencies(tx: Tx): Promise<void>
  hasDependents(tx: Tx, taskId: string): Promise<boolean>
  /** The dependencies of each of these. */
  dependenciesOf(taskIds: readonly string[], tx?: Tx): Promise<Map<string, string[]>>
  /** Every task that events trigger and that has not ended, paused or not. */
  listening(): Promise<{ taskId: string; version: number; pausedAt: number | null; deafTo: number | null }[]>
  /** Tells other processes that events may trigger a task otherwise from now on. It may be lost. */
  announceTrigger(taskId: string): void
  /** `fn` is told what others announce. */
  onTriggersAnnounced(fn: (taskIds: readonly string[]) => void): void
  /** How many tasks are for events, that were not deleted. */
  countListening(tx: Tx): Promise<number>
  addFanOut(tx: Tx, fanOut: Omit<FanOutRecord, 'fanOutId' | 'afterTask'>): Promise<void>
  /** How many wait, up to `max`. */
  countFanOuts(tx: Tx, max: number): Promise<number>
  /** The oldest. */
  fanOuts(limit: number): Promise<number[]>
  /** Nobody else goes on with it until the transaction ends. Undefined: it is over. */
  lockFanOut(tx: Tx, fanOutId: number): Promise<FanOutRecord | undefined>
  /** Null: it is over. */
  moveFanOut(tx: Tx, fanOutId: number, afterTask: string | null): Promise<void>

  addTrigger(tx: Tx, trigger: Omit<TriggerRecord, 'triggerId'>): Promise<void>
  forgetTriggers(tx: Tx, taskId: string): Promise<void>
  /** The oldest of a task. */
  triggers(tx: Tx, taskId: string, limit: number): Promise<TriggerRecord[]>
  clearTriggers(tx: Tx, triggerIds: readonly number[]): Promise<void>

  insertRun(tx: Tx, run: RunRecord): Promise<void>
  /** Whether a run of a tick is there, but for skipped and missed ones. */
  hasTick(tx: Tx, taskId: string, tick: number): Promise<boolean>
  findRuns(runIds: readonly string[], tx?: Tx): Promise<RunRecord[]>
  /** Runs that a worker was just given: until it reports, what it is told of them stays as it is. */
  givenRuns(runIds: readonly string[]): Promise<RunRecord[]>
  /** Runs that nobody else changes until the transaction ends. */
  lockRuns(tx: Tx, runIds: readonly string[]): Promise<RunRecord[]>
  /** Those of these tasks of which a run is under way. */
  running(taskIds: readonly string[], tx?: Tx): Promise<ReadonlySet<string>>
  /** Writes what may change of runs that are locked. */
  saveRuns(tx: Tx, runs: readonly RunRecord[]): Promise<void>
  hasRuns(taskId: string): Promise<boolean>
  /** How many that go in turn have not ended, up to `max`. */
  countInTurn(tx: Tx, taskId: string, max: number): Promise<number>
  /** Newest first. */
  places(filter: RunFilter): Promise<RunPlace[]>
  /** How many of the first are within the bound, by what is large about them; at least one. */
  fitting(runIds: readonly string[], bytesMax: number): Promise<number>
  /** Runs of a task that have not ended, the oldest first: (after, upTo]. */
  activeRuns(tx: Tx, taskId: string, range: RunRange): Promise<RunRecord[]>
  /** The last of them; undefined: there is none. */
  newestActive(tx: Tx, taskId: string): Promise<RunPlace | undefined>
  /** Those of them that a gate holds back, the oldest first; unless told, whichever it is. */
  heldRuns(tx: Tx, taskId: string, held: Omit<RunRange, 'upTo'> & { heldFor?: HeldFor }): Promise<RunRecord[]>
  /** Has the runs of a task that wait for nothing but a worker wait for this; by one statement, however many they are. */
  holdBack(tx: Tx, taskId: string, waitingFor: WaitingFor): Promise<void>
  /** Those that none does and that no worker has, but for some causes; the oldest first. */
  readyRuns(tx: Tx, taskId: string, which: { causesBut: readonly RunCause[]; limit: number }): Promise<RunRecord[]>
  /** Whether there is one of those. */
  hasHeld(tx: Tx, taskId: string): Promise<boolean>
  /** Whether one that goes in turn is past its gates and has not ended. */
  isBusy(tx: Tx, taskId: string): Promise<boolean>
  /** The retry of a run that has not ended. */
  liveRetry(tx: Tx, run: Pick<RunRecord, 'taskId' | 'runId'>): Promise<string | undefined>
  /** Whether one with the key is queued. */
  hasQueued(tx: Tx, taskId: string, dedupeKey: string): Promise<boolean>
  /** Which of these ticks have a run. */
  ticksWithRuns(tx: Tx, taskId: string, ticks: readonly number[]): Promise<ReadonlySet<number>>
  /** Runs that nobody has taken although it is time, by their ids. */
  stalled(now: number, limit: number): Promise<string[]>
  nextStall(): Promise<number | undefined>

  /**
   * The runs of a search that are wanted, newest first, of a bounded number that is read. `lookedTo`: the last one that was
   * read; null: there are no more.
   */
  search(search: RunSearch): Promise<{ runIds: string[]; lookedTo: RunPlace | null }>
  /** Workers that have runs in hand, by their ids. */
  holders(after: string, limit: number): Promise<string[]>
  /** How many runs each of these has, by where they are from. */
  leasedByEach(workerIds: readonly string[]): Promise<LeasedRuns[]>
  /** What a worker has in hand. */
  leasedBy(tx: Tx, workerId: string): Promise<{ runId: string; leaseToken: string }[]>
  /** Work of these queues that is under way, where no process but this one can be at it; where others may be, none. */
  leftBehind(queues: readonly string[], limit: number): Promise<{ id: string; leaseToken: string }[]>

  addLog(tx: Tx, run: RunRecord, lines: readonly Omit<RunLogRecord, 'seq'>[]): Promise<void>
  /** The oldest lines that are kept of a run. */
  oldestLines(tx: Tx, runId: string, limit: number): Promise<RunLogRecord[]>
  /** Forgets the lines of a run up to this one, itself included. */
  forgetLines(tx: Tx, runId: string, upTo: number): Promise<void>
  log(runId: string, page: { after: number | undefined; limit: number }): Promise<RunLogRecord[]>

  /** Forgets some runs that ended before, and deleted tasks without any; true: there may be more. */
  trim(before: number): Promise<boolean>
}

/** Requests to addresses that clients name. */
export interface HttpSender {
  /** Errors: VALIDATION_ERROR, for an address that may not be called. */
  check(url: string, field: string): Promise<void>
  /** Rejects only when `signal` aborts. */
  send(keyId: string, request: HttpRequest, signal: AbortSignal): Promise<HttpOutcome>
}

export interface HttpRequest {
  id: string
  method: string
  url: string
  headers: Readonly<Record<string, string>>
  body: string | undefined
  traceId: string
  /** How much of the answer is wanted. */
  answerBytesMax: number
}

export interface HttpOutcome {
  /** What went wrong before there was a status; null: nothing. */
  error: string | null
  statusCode: number | null
  /** The answer, or its beginning. */
  response: string | null
  isWhole: boolean
  retryAfterMs: number
}

/** What built-in handlers do in the name of a key. */
export interface Acting {
  /** Undefined: the key is no more. */
  principal(keyId: string): Promise<Principal | undefined>
  invoke<Id extends OperationId>(
    id: Id,
    ctx: Ctx,
    input: Input<Id>,
    /** `within`: done in the transaction of a write, after it. */
    options?: { within?(tx: Tx, output: Output<Id>): Promise<void> },
  ): Promise<Output<Id>>
  /** Undefined: the signal was aborted before. */
  commandEnd(commandId: string, signal: AbortSignal): Promise<Output<'commands.execute'> | undefined>
}
