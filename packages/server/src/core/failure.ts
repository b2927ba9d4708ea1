import type { ErrorCode, ErrorDetails } from '@nexus/contract'

/** An expected failure. Anything else that is thrown is a bug, and answered as `INTERNAL_ERROR` with nothing leaked. */
export class Failure extends Error {
  readonly code: ErrorCode
  readonly details: ErrorDetails
  /** Where HTTP has a finer status for the same code: 405, 406, 412, 413, 415, 417, 426. */
  readonly http: number | undefined
  readonly retryAfterSeconds: number | undefined

  constructor(code: ErrorCode, message: string, details: ErrorDetails, options: FailureOptions) {
    super(message, { cause: options.cause })
    this.name = 'Failure'
    this.code = code
    this.details = details
    this.http = options.http
    this.retryAfterSeconds = options.retryAfterSeconds
  }
}

export interface FailureOptions {
  message?: string
  http?: number
  retryAfterSeconds?: number
  /** For the log alone. */
  cause?: unknown
}

const messages: Record<ErrorCode, string> = {
  INVALID_REQUEST: 'The request is malformed',
  UNAUTHORIZED: 'A valid API key is required',
  FORBIDDEN: 'The key does not permit this',
  NOT_FOUND: 'There is no such resource',
  CONFLICT: 'The request conflicts with the current state',
  VALIDATION_ERROR: 'The request is well-formed, but wrong',
  RATE_LIMIT_EXCEEDED: 'Too many requests',
  INTERNAL_ERROR: 'An internal error occurred',
  SERVICE_UNAVAILABLE: 'The service is temporarily unavailable',
  TIMEOUT: 'The request took too long',
}

/** Makes an expected failure, to be thrown. `details.issue` doubles as the message unless one is given. */
export function fail(code: ErrorCode, details: ErrorDetails = {}, options: FailureOptions = {}): Failure {
  return new Failure(code, options.message ?? messages[code], details, options)
}

/** Shorthand for a fault in one field. */
export function invalid(field: string, issue: string, code: ErrorCode = 'INVALID_REQUEST'): Failure {
  return fail(code, { field, issue, errors: [{ field, issue }] })
}
