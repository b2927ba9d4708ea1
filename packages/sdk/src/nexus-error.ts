import type { ErrorCode, ErrorDetails } from '@nexus/contract'
import { errorTable } from './contract-data.ts'

const errorCodes = Object.keys(errorTable) as ErrorCode[]

/** What an error carries beside its code and message. */
export interface NexusErrorFields {
  /** HTTP status; 0 when no answer came. */
  status: number
  details?: ErrorDetails
  requestId?: string | undefined
  retryAfterSeconds?: number | undefined
  cause?: unknown
}

/**
 * Every failed call ends in one of these, except one that the caller aborted (it throws the signal's reason). Switch on
 * `code`; `details.reason` narrows it. No answer at all is `SERVICE_UNAVAILABLE` with the reason `network_error`, none
 * in time is `TIMEOUT` with the reason `client_timeout`; both have status 0.
 */
export class NexusError extends Error {
  override readonly name = 'NexusError'
  readonly code: ErrorCode
  readonly status: number
  readonly details: ErrorDetails
  /** The server's name for the request; quote it when reporting a fault. */
  readonly requestId: string | undefined
  /** How long the server asks to wait before the next try. */
  readonly retryAfterSeconds: number | undefined

  constructor(code: ErrorCode, message: string, fields: NexusErrorFields) {
    super(message, fields.cause === undefined ? undefined : { cause: fields.cause })
    this.code = code
    this.status = fields.status
    this.details = fields.details ?? {}
    this.requestId = fields.requestId
    this.retryAfterSeconds = fields.retryAfterSeconds
  }
}

/** Reads a failed answer, whether Nexus or a proxy in front of it wrote the body. */
export function errorOf(response: Response, text: string): NexusError {
  const body = objectOf(parsed(text))
  const error = objectOf(body.error)
  const { error: _, ...rest } = body
  const code = codeOf(error.code, response.status)
  return new NexusError(code, messageOf(error.message, code, response.status), {
    status: response.status,
    details: { ...rest, ...objectOf(error.details) },
    requestId: stringOf(error.request_id) ?? response.headers.get('x-request-id') ?? undefined,
    retryAfterSeconds: retryAfterOf(response.headers.get('retry-after')),
  })
}

/** `Retry-After` in seconds, from either of its forms (RFC 9110, 10.2.3). */
export function retryAfterOf(header: string | null, now = Date.now()): number | undefined {
  if (header === null) return undefined
  if (/^\d+$/.test(header.trim())) return Number(header)
  const at = Date.parse(header)
  return Number.isNaN(at) ? undefined : Math.max(0, Math.ceil((at - now) / 1000))
}

/** A code that this version does not know becomes the one it knows for the status. */
export function codeOf(code: unknown, status: number): ErrorCode {
  const known = errorCodes.find((one) => one === code) ?? errorCodes.find((one) => errorTable[one].http === status)
  if (known) return known
  if (status === 502) return 'SERVICE_UNAVAILABLE'
  return status >= 500 ? 'INTERNAL_ERROR' : 'INVALID_REQUEST'
}

function messageOf(message: unknown, code: ErrorCode, status: number): string {
  return stringOf(message) ?? `${errorTable[code].summary} (HTTP ${status})`
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const stringOf = (value: unknown) => (typeof value === 'string' ? value : undefined)

function objectOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {}
}
