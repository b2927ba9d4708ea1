import type { Input, RunStanding } from '@nexus/contract'
import { workerLimits } from '../contract-data.ts'
import type { Courier, ReportLink } from '../courier.ts'
import type { Invoke } from '../namespaces.ts'
import { NexusError } from '../nexus-error.ts'
import { resultOf, saidErrorOf } from '../said.ts'
import { RunFailure } from './run-failure.ts'

type Said<Id extends 'runs.heartbeat' | 'runs.logs.add' | 'runs.complete' | 'runs.fail'> = { id: Id; input: Input<Id> }

/** How a worker says that an attempt ended. */
export type EndReport = Said<'runs.complete'> | Said<'runs.fail'>

/** What a worker says of a run. */
export type RunReport = Said<'runs.heartbeat'> | Said<'runs.logs.add'> | EndReport

export type RunCourier = Courier<RunReport, RunStanding>

/** How an attempt ended. */
export type RunOutcome = { result?: unknown } | { error: Input<'runs.fail'>['error'] }

export type RunLink = ReportLink<RunReport, RunStanding>

/** How long other reports may be made to wait for lines that the rate limit refuses. */
const linesWaitSeconds = 5

/** Lines that the rate limit refuses for longer: they can wait, and nothing else is to wait for them. */
export class LinesRefused extends Error {
  override readonly name = 'LinesRefused'
  readonly waitMs: number

  constructor(runId: string, waitSeconds: number, cause: unknown) {
    super(`run ${runId}: its lines are refused for ${waitSeconds} s by the rate limit`, { cause })
    this.waitMs = waitSeconds * 1000
  }
}

/** Errors: `NexusError`, `LinesRefused`. */
export function runLink(invoke: Invoke): RunLink {
  const report = async (report: RunReport) => {
    try {
      return await sayOf(invoke, report)
    } catch (error) {
      const seconds = error instanceof NexusError && error.status === 429 ? (error.retryAfterSeconds ?? 0) : 0
      if (report.id === 'runs.logs.add' && seconds > linesWaitSeconds)
        throw new LinesRefused(report.input.run_id, seconds, error)
      throw error
    }
  }
  return { keepsLeases: false, isOver: false, report }
}

/** Says one thing of one run. Errors: `NexusError`. */
export function sayOf(invoke: Invoke, { id, input }: RunReport, options?: { timeoutMs: number }): Promise<RunStanding> {
  return (invoke as (id: string, input: object, options?: object) => Promise<RunStanding>)(id, input, options)
}

export function isEnd(report: RunReport | undefined): report is EndReport {
  return report?.id === 'runs.complete' || report?.id === 'runs.fail'
}

/** How a handler's value is reported. */
export function outcomeWith(value: unknown): RunOutcome {
  const said = resultOf(value)
  // The same would come of another attempt.
  return 'error' in said ? { error: { ...said.error, retryable: false } } : said
}

/** How what a handler threw is reported. */
export function failureOf(thrown: unknown): RunOutcome {
  const error = saidErrorOf(thrown, workerLimits.errorMessageLengthMax)
  if (!(thrown instanceof RunFailure)) return { error }
  const { retryable, retryAfterSeconds: seconds } = thrown
  return { error: { ...error, retryable, ...(seconds !== undefined && { retry_after_seconds: seconds }) } }
}
