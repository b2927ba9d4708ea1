import { type Failure, fail } from '../../core/failure.ts'

/** Class 53 of the SQLSTATEs: too little shared memory, too many connections, a full disk. */
const isExhausted = /^53/

/** https://www.postgresql.org/docs/current/errcodes-appendix.html; empty: it comes from elsewhere. */
export function sqlStateOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}

export function unavailable(reason: string, cause: unknown): Failure {
  return fail('SERVICE_UNAVAILABLE', { reason }, { cause, retryAfterSeconds: 1 })
}

/** What to say where the server has no room for what was asked; undefined: it is something else. */
export function exhaustion(error: unknown): Failure | undefined {
  return isExhausted.test(sqlStateOf(error)) ? unavailable('state_exhausted', error) : undefined
}
