import type { RunError, RunStatus } from '@nexus/contract'

const messages: Readonly<Record<string, string>> = {
  attempt_timeout: 'The attempt took longer than timeout_seconds',
  worker_lost: 'Its worker was not heard of any more, and no attempt is left',
  outcome_unknown: 'Its worker was not heard of any more; without retries it is done at most once, and may have been',
  dependency_failed: 'A task that it depends on has not completed',
  dependency_timeout: 'What it depends on was not there within dependency_policy.timeout_seconds',
  parameters_too_large: 'parameters: what their templates name is more than a run may be given',
}

/** The error of a run that failed, or took too long, where no worker said one; null: it ended otherwise. */
export function endError(status: RunStatus, reason: string | null): RunError | null {
  if (status !== 'failed' && status !== 'timeout') return null
  const code = reason ?? status
  return { code, message: messages[code] ?? `It ended as ${code}` }
}
