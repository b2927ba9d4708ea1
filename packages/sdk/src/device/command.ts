import type { ExecutionOrder, Input } from '@nexus/contract'
import type { LogLevel } from '../said.ts'
import type { DeviceError } from './device-error.ts'

/** A command as its handler sees it. */
export interface DeviceCommand<Parameters = Record<string, unknown>> {
  /** Of the execution: the command on this device. */
  readonly id: string
  readonly command_id: string
  /** From 1; a higher one repeats an execution whose outcome is not known. */
  readonly attempt: number
  readonly name: string
  /** As they came: nothing has checked them, unless the command is defined with a schema. */
  readonly parameters: Parameters
  readonly service: string | undefined
  /** By the server's clock. */
  readonly deadline: string | null
  readonly trace_id: string
  /** Aborted, with a `DeviceError`, when it is cancelled, its deadline or its lease is over, or the device stops. */
  readonly signal: AbortSignal
  /** Says how far it is, from 0 to 100. Of what is said faster than it can be sent, the last counts. */
  progress(percent: number | undefined, message?: string): void
  /** Keeps a line with the command. Of what is said faster than it can be sent, the newest thousand lines are kept. */
  log(message: string, level?: LogLevel): void
}

/** Does what a command says. What it returns is the result, any JSON; an error that it throws is the failure. */
export type CommandHandler<Parameters = Record<string, unknown>, Result = unknown> = (
  command: DeviceCommand<Parameters>,
) => Result | Promise<Result>

export interface HandlerOptions {
  /** It may run again when it was interrupted, by a restart of the process or by the loss of its lease. */
  idempotent?: boolean
}

export interface Handling {
  handler: CommandHandler
  idempotent: boolean
}

/** How an execution ended. */
export type Outcome = Pick<Input<'executions.result'>, 'status' | 'result' | 'error'>

/** An execution as a journal keeps it. */
export interface JournalEntry {
  execution_id: string
  /** When it was saved, by the device's clock. */
  at: string
  /** `begun`: its handler was about to run; `ended`; `confirmed`: and Nexus knows how. */
  state: 'begun' | 'ended' | 'confirmed'
  /** As it was given; once it has ended, without its parameters. */
  order: ExecutionOrder
  /** How it ended. */
  outcome?: Outcome
}

/** Where executions are remembered over a restart of the device's process. */
export interface DeviceJournal {
  /** All that was saved, in that order; of each execution the last entry counts. More than a thousand are not needed. */
  load(): JournalEntry[] | Promise<JournalEntry[]>
  /** Resolves once the entry would be there after a crash. */
  save(entry: JournalEntry): void | Promise<void>
}

export interface DeviceOptions {
  /** What the device tells of itself when it connects. */
  capabilities?: Record<string, unknown>
  /** How many commands run at once, up to 100; 16 unless told. */
  maxConcurrency?: number
  /** `websocket` unless told; while there is none the device polls, and tries to open one with waits that grow. */
  transport?: 'websocket' | 'long-poll'
  journal?: DeviceJournal
  /**
   * What goes wrong beside the commands: connections that fail (they are made again by themselves), reports that are
   * refused, a journal that can't be written, handlers that throw what has no code. Unless given, it is written to the console.
   */
  onError?(error: DeviceError | Error): void
}
