import type { Input, RunStanding } from '@nexus/contract'
import type { Courier, ReportLink } from '../courier.ts'
import type { Invoke } from '../namespaces.ts'
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

export function runLink(invoke: Invoke): ReportLink<RunReport, RunStanding> {
  return { keepsLeases: false, isOver: false, report: (report) => sayOf(invoke, report) }
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
  const error = saidErrorOf(thrown)
  if (!(thrown instanceof RunFailure)) return { error }
  const { retryable, retryAfterSeconds: seconds } = thrown
  return { error: { ...error, retryable, ...(seconds !== undefined && { retry_after_seconds: seconds }) } }
}
