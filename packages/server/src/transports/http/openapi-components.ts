import type { ErrorCode, Operation } from '@nexus/contract'
import { ErrorEnvelope, errorCodes, errorTable, idempotencyKeyPattern } from '@nexus/contract'

type Json = Record<string, unknown>

/** Statuses that HTTP has beside those of the error table, for the same code. */
const finerStatuses: Record<number, { code: ErrorCode; summary: string }> = {
  406: { code: 'INVALID_REQUEST', summary: 'No media type that the client accepts' },
  412: { code: 'CONFLICT', summary: 'It is another version by now' },
  413: { code: 'INVALID_REQUEST', summary: 'The body is too large' },
  415: { code: 'INVALID_REQUEST', summary: 'Neither JSON nor another media type that is understood' },
}

/** The parts that the paths refer to; error responses only where an operation can answer them. */
export function openApiComponents(
  operations: readonly Operation[],
  schemas: Json,
  statusOf: (code: ErrorCode) => number,
): Json {
  const responses: Json = {}
  for (const status of new Set(errorCodes.map(statusOf))) {
    const codes = errorCodes.filter((code) => statusOf(code) === status)
    responses[`Error${status}`] = errorResponse(
      status,
      codes.map((code) => `\`${code}\`: ${errorTable[code].summary}`).join('; '),
    )
  }
  for (const [status, { code, summary }] of Object.entries(finerStatuses)) {
    responses[`Error${status}`] = errorResponse(Number(status), `\`${code}\`: ${summary}`)
  }
  const idempotent = operations.some((operation) => operation.idempotent)
  return {
    schemas: { Error: ErrorEnvelope, ...schemas },
    securitySchemes: {
      apiKey: { type: 'http', scheme: 'bearer', description: 'An API key: `nxs_live_<id>_<secret>`' },
    },
    ...(idempotent && { parameters: { IdempotencyKey: idempotencyKey } }),
    headers,
    responses,
  }
}

const idempotencyKey = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description: 'For 24 hours, a repeat under the same key gets the answer of the first; another body is a CONFLICT.',
  schema: { type: 'string', pattern: idempotencyKeyPattern },
}

const headers = {
  RequestId: { description: 'Names this request in the log', schema: { type: 'string' } },
  RateLimitLimit: { description: 'Requests a minute in this bucket', schema: { type: 'integer' } },
  RateLimitRemaining: { description: 'Requests left in this minute', schema: { type: 'integer' } },
  RateLimitReset: { description: 'When the minute ends, in epoch seconds', schema: { type: 'integer' } },
  RetryAfter: { description: 'Seconds to wait', schema: { type: 'integer' } },
}

function errorResponse(status: number, description: string): Json {
  return {
    description,
    headers: {
      'X-Request-Id': { $ref: '#/components/headers/RequestId' },
      ...(status === 429 && {
        'X-RateLimit-Limit': { $ref: '#/components/headers/RateLimitLimit' },
        'X-RateLimit-Remaining': { $ref: '#/components/headers/RateLimitRemaining' },
        'X-RateLimit-Reset': { $ref: '#/components/headers/RateLimitReset' },
      }),
      ...((status === 429 || status === 503) && { 'Retry-After': { $ref: '#/components/headers/RetryAfter' } }),
    },
    content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
  }
}
