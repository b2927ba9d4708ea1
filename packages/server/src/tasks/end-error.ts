import type { RunError, RunStatus } from '@nexus/contract'
import type { Failure } from '../core/failure.ts'

/** Why a run fails in whose name nothing may be done any more. */
export const keyRevoked = 'key_revoked'

const messages: Readonly<Record<string, string>> = {
  attempt_timeout: 'The attempt took longer than timeout_seconds',
  worker_lost: 'Its worker was not heard of any more, and no attempt is left',
  outcome_unknown: 'Its worker was not heard of any more; without retries it is done at most once, and may have been',
  dependency_failed: 'A task that it depends on has not completed',
  dependency_timeout: 'What it depends on was not there within dependency_policy.timeout_seconds',
  [keyRevoked]: 'The key in whose name it runs is no more',
  parameters_too_large: 'parameters: what their templates name is more than a run may be given',
}

/** The error of a run that failed, or took too long, where no worker said one; null: it ended otherwise. */
export function endError(status: RunStatus, reason: string | null): RunError | null {
  if (status !== 'failed' && status !== 'timeout') return null
  const code = reason ?? status
  return { code, message: messages[code] ?? `It ended as ${code}` }
}

/**
 * Of what a handler or a guard asked in the name of a key, and was refused. `isPassing`: it may be otherwise a moment later.
 */
export function refusalError({ code, message, details }: Failure): RunError & { isPassing: boolean } {
  const isPassing = passing.includes(code)
  return { code: code.toLowerCase(), message: details.issue ?? message, isPassing }
}

const passing: readonly Failure['code'][] = ['SERVICE_UNAVAILABLE', 'TIMEOUT', 'RATE_LIMIT_EXCEEDED', 'CONFLICT']
