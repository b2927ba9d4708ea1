import type { CommandCategory, CommandRollout, CommandStatus, CommandVerify } from '@nexus/contract'
import type { Tx } from '../core/context.ts'
import type { PublishCtx } from '../events/index.ts'
import type { CommandOrder, CommandRecord, Counts, DefinitionRecord, ExecutionRecord, LogRecord } from './record.ts'

export interface CommandFilter {
  status: CommandStatus | undefined
  deviceId: string | undefined
  /** Undefined: any. */
  categories: readonly CommandCategory[] | undefined
  before: CommandPlace | undefined
  limit: number
}

/** Where a command stands among all of them. */
export type CommandPlace = Pick<CommandRecord, 'submittedAt' | 'commandId'>

export interface ExecutionFilter {
  commandId: string
  status: CommandStatus | undefined
  /** The position of the last one that was seen. */
  after: number | undefined
  limit: number
}

/** An execution whose success has to show in telemetry. */
export interface Verifying {
  executionId: string
  commandId: string
  deviceId: string
  verifyBy: number
  verify: CommandVerify
}

/** What the loops of roll-outs and verification look for; as committed, unless in a transaction. */
export interface RolloutStore {
  /** The commands whose roll-outs have to be looked at, the longest due first. */
  dueRollouts(now: number, limit: number): Promise<string[]>
  /** When the next one has to be; undefined: none has. */
  nextRollout(): Promise<number | undefined>
  /** How many `watchedRollouts` there are, up to `limit`; nobody else adds one until the transaction ends. */
  countWatched(tx: Tx, limit: number): Promise<number>
  /** The roll-outs that a metric may abort, of commands that have not ended. */
  watchedRollouts(limit: number): Promise<{ commandId: string; rollout: CommandRollout }[]>
  /** What devices were given of a command, in the order of its targets. */
  given(commandId: string, limit: number): Promise<Pick<ExecutionRecord, 'executionId' | 'commandId' | 'deviceId'>[]>
  /** The executions that are verified and whose time is over by then, or all (undefined); the first deadlines first. */
  verifying(dueBy: number | undefined, limit: number): Promise<Verifying[]>
  nextVerifyBy(): Promise<number | undefined>
  /** The executions of a command that are verified. */
  verifyingOf(tx: Tx, commandId: string): Promise<ExecutionRecord[]>
}

export interface CommandStore extends RolloutStore {
  write<T>(fn: (tx: Tx) => Promise<T>): Promise<T>
  /** Runs once the transaction is durable, before its caller hears of it. */
  afterCommit(tx: Tx, fn: () => void): void
  /** Runs once the transaction is over, one way or the other, before its caller hears of it. */
  afterEnd(tx: Tx, fn: (committed: boolean) => void): void

  insert(tx: Tx, command: CommandRecord, executions: readonly ExecutionRecord[]): Promise<void>
  /** Without `tx`: as committed. */
  find(commandIds: readonly string[], tx?: Tx): Promise<CommandRecord[]>
  /** Whether other nodes may write it too. */
  readonly isShared: boolean
  /** Tells other nodes that these are to be stopped, which no connection here has in hand. It may be lost. */
  announceCancelled(executionIds: readonly string[]): void
  /** `hear` is told what others announce. */
  onCancelled(hear: (executionIds: readonly string[]) => void): void
  /** Which of these have ended; as committed. */
  ended(commandIds: readonly string[]): Promise<string[]>
  /** What the commands of executions say, by the ids of the executions; as committed. */
  orders(executionIds: readonly string[]): Promise<Map<string, CommandOrder>>
  /** Newest first. `lookedTo`: so far was searched, and no further; null: to the end, or to the last of these. */
  list(filter: CommandFilter): Promise<{ commands: CommandRecord[]; lookedTo: CommandPlace | null }>
  /** A command; nobody else changes it until the transaction ends. */
  lock(tx: Tx, commandId: string): Promise<CommandRecord>
  /**
   * The same for the commands of executions, taken in one order; nothing where there is one writer at a time.
   */
  lockOf(tx: Tx, executionIds: readonly string[]): Promise<void>
  /** Adds to the counts of a command, and returns it; nobody else changes it until the transaction ends. */
  count(tx: Tx, commandId: string, change: Partial<Counts>): Promise<CommandRecord>
  /** The id of a retry of a command that has not ended. */
  liveRetry(tx: Tx, commandId: string): Promise<string | undefined>
  /** Writes what may change of a command, but for the counts. */
  save(tx: Tx, command: CommandRecord): Promise<void>

  findExecutions(executionIds: readonly string[], tx?: Tx): Promise<ExecutionRecord[]>
  saveExecutions(tx: Tx, executions: readonly ExecutionRecord[]): Promise<void>
  /** In the order of their positions. */
  executions(filter: ExecutionFilter, tx?: Tx): Promise<ExecutionRecord[]>
  /** The ids of the executions of a command that have not ended. */
  liveExecutions(tx: Tx, commandId: string): Promise<string[]>
  /** The executions of commands with one target each, by the ids of the commands. */
  onlyExecutions(commandIds: readonly string[], tx?: Tx): Promise<Map<string, ExecutionRecord>>
  /** The executions that a device has been given, and that have not ended. */
  givenTo(deviceId: string, tx: Tx): Promise<ExecutionRecord[]>

  addLog(tx: Tx, execution: ExecutionRecord, lines: readonly Omit<LogRecord, 'seq'>[]): Promise<void>
  log(commandId: string, page: { after: number | undefined; limit: number }): Promise<LogRecord[]>
  droppedLines(commandId: string): Promise<number>

  /** Without `tx`: as committed. */
  definition(name: string, tx?: Tx): Promise<DefinitionRecord | undefined>
  definitions(page: {
    after: string | undefined
    limit: number
    categories: readonly CommandCategory[]
  }): Promise<DefinitionRecord[]>
  putDefinition(tx: Tx, definition: DefinitionRecord): Promise<void>
  /** False: there was none. */
  deleteDefinition(tx: Tx, name: string): Promise<boolean>

  /** Forgets some commands that ended before, with all that is kept of them; true: there may be more. */
  trim(before: number): Promise<boolean>
}

/** The outbox through which the submitter's own server is told. */
export interface Callbacks {
  /** Errors: VALIDATION_ERROR, for an address that may not be called. */
  check(url: string, field: string): Promise<void>
  enqueue(ctx: PublishCtx, messages: readonly Callback[]): Promise<unknown>
}

export interface Callback {
  keyId: string
  url: string
  eventId: string
  type: string
  payload: object
  at: number
}
