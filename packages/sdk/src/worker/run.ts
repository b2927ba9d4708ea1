import type { LogLevel } from '../said.ts'
import type { RunFailure } from './run-failure.ts'

/** A run as its handler sees it: one attempt. */
export interface WorkerRun<Parameters = Record<string, unknown>, Checkpoint = unknown> {
  readonly id: string
  readonly task_id: string
  /** That of the handler. */
  readonly name: string
  /** From 1. */
  readonly attempt: number
  /** With their templates replaced; nothing has checked them. */
  readonly parameters: Parameters
  /** The last one that an attempt before saved; null: none. */
  readonly checkpoint: Checkpoint | null
  /** The instant that it was made for; null: it was not made by a schedule. */
  readonly scheduled_for: string | null
  /** When the attempt has to be over, by the server's clock; null: it may take as long as it takes. */
  readonly deadline: string | null
  readonly trace_id: string
  /** Aborted, with a `RunFailure`, when it is cancelled, its deadline or its lease is over, or the worker stops. */
  readonly signal: AbortSignal
  /** Says how far it is; `percent` from 0 to 100. Of what is said faster than it can be sent, the last counts. */
  progress(percent: number | undefined, message?: string): void
  /**
   * Keeps a line with the run, of the level `info` unless told. Of what is said faster than it can be sent, the newest thousand
   * lines are kept.
   */
  log(message: string, level?: LogLevel): void
  /**
   * Keeps where it is, for the next attempt: any JSON but null, up to 64 KiB, as it is now. Resolves once it is durable, or one
   * that was saved later is. Errors: `TypeError` (no JSON), `RangeError` (too large), the reason of `signal`; `NexusError` (it
   * was refused).
   */
  saveCheckpoint(value: Checkpoint): Promise<void>
}

/**
 * Does a run. What it returns is the result, any JSON up to 192 KiB; an error that it throws fails the attempt, and another
 * follows as the task's `retry_policy` says.
 */
export type RunHandler<Parameters = Record<string, unknown>, Result = unknown, Checkpoint = unknown> = (
  run: WorkerRun<Parameters, Checkpoint>,
) => Result | Promise<Result>

export interface WorkerOptions {
  /** By which Nexus tells workers apart; a new one for each `worker()` unless given. */
  id?: string
  /** Where it looks for runs; `default` alone unless given, at most 16. */
  queues?: readonly string[]
  /** How many runs it has at once, up to 1,000; 1 unless told. */
  concurrency?: number
  /**
   * How many calls it makes in a second at most, beside heartbeats: 60 unless told. By default a key may make 6,000 a
   * minute, and takes runs with the first 4,500 of them. Raise it where the key may make more; share it out among
   * workers with the same key, for the limit is the key's.
   */
  callsPerSecond?: number
  /**
   * What goes wrong beside the runs: a server that is away (it is tried again), leases that are lost, reports that are refused,
   * handlers that throw what has no code. Unless given, it is written to the console.
   */
  onError?(error: RunFailure | Error): void
}
