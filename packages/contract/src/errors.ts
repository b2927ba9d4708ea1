import Type, { type Static } from 'typebox'

/**
 * The specification's ten codes ("Error Handling"), and how the transports map them. Clients switch on the code;
 * `details.reason` narrows it.
 */
export const errorTable = {
  INVALID_REQUEST: { http: 400, exit: 2, summary: 'Malformed request, or against the schema' },
  UNAUTHORIZED: { http: 401, exit: 3, summary: 'Missing or invalid authentication' },
  FORBIDDEN: { http: 403, exit: 3, summary: 'Insufficient permissions' },
  NOT_FOUND: { http: 404, exit: 4, summary: 'Resource not found' },
  CONFLICT: { http: 409, exit: 5, summary: 'Resource conflict' },
  VALIDATION_ERROR: { http: 422, exit: 2, summary: 'Well-formed, but wrong' },
  RATE_LIMIT_EXCEEDED: { http: 429, exit: 6, summary: 'Too many requests' },
  INTERNAL_ERROR: { http: 500, exit: 1, summary: 'Server error' },
  SERVICE_UNAVAILABLE: { http: 503, exit: 7, summary: 'Service temporarily unavailable' },
  TIMEOUT: { http: 504, exit: 7, summary: 'Request timeout' },
} as const

export type ErrorCode = keyof typeof errorTable

export const errorCodes = Object.keys(errorTable) as ErrorCode[]

/** What every operation may answer, whatever it does. */
export const commonErrors: readonly ErrorCode[] = [
  'INVALID_REQUEST',
  'UNAUTHORIZED',
  'FORBIDDEN',
  'RATE_LIMIT_EXCEEDED',
  'INTERNAL_ERROR',
  'SERVICE_UNAVAILABLE',
]

export const ErrorDetails = Type.Object(
  {
    field: Type.Optional(
      Type.String({ description: 'Dotted path of the first field at fault, as in metrics.cpu_usage' }),
    ),
    issue: Type.Optional(Type.String({ description: 'What is wrong with it, and what would be right' })),
    reason: Type.Optional(Type.String({ description: 'Narrows the code; stable, snake_case' })),
    errors: Type.Optional(
      Type.Array(Type.Object({ field: Type.String(), issue: Type.String() }), { description: 'All faults found' }),
    ),
  },
  { additionalProperties: true },
)
export type ErrorDetails = Static<typeof ErrorDetails> & { [more: string]: unknown }

/** The envelope of every error answer (specification, "Error Response Format"). */
export const ErrorEnvelope = Type.Object({
  error: Type.Object({
    code: Type.Enum(errorCodes),
    message: Type.String(),
    details: ErrorDetails,
    request_id: Type.String(),
    timestamp: Type.String({ format: 'date-time' }),
  }),
})
export type ErrorEnvelope = Static<typeof ErrorEnvelope>
