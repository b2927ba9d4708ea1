import { resultOf, saidErrorOf } from '../said.ts'
import type { Outcome } from './command.ts'

/** How a handler's value is reported. */
export function completedWith(value: unknown): Outcome {
  const said = resultOf(value)
  return { status: 'error' in said ? 'failed' : 'completed', ...said }
}

/** How what a handler threw is reported. */
export function failedWith(thrown: unknown): Outcome {
  return { status: 'failed', error: saidErrorOf(thrown) }
}
