import type { Input, RunStanding } from '@nexus/contract'
import type { Courier, ReportLink } from '../courier.ts'
import type { Invoke } from '../namespaces.ts'
import { resultOf, saidErrorOf } from '../said.ts'
import { RunFailure } from './run-failure.ts'

type Said<Id extends 'runs.heartbeat' | 'runs.logs.add' | 'runs.complete' | 'runs.fail'> = { id: Id; input: Input<Id> }

/** What a worker says of a run. */
export type RunReport = Said<'runs.heartbeat'> | Said<'runs.logs.add'> | Said<'runs.complete'> | Said<'runs.fail'>

export type RunCourier = Courier<RunReport, RunStanding>

/** How an attempt ended. */
export type RunOutcome = { result?: unknown } | { error: Input<'runs.fail'>['error'] }

export function runLink(invoke: Invoke): ReportLink<RunReport, RunStanding> {
  return {
    keepsLeases: false,
    isOver: false,
    report: ({ id, input }) => (invoke as (id: string, input: object) => Promise<RunStanding>)(id, input),
  }
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
