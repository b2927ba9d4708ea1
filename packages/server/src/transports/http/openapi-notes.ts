import type { OperationId } from '@nexus/contract'
import { Frame } from '@nexus/contract'

type Json = Record<string, unknown>

/** What an operation's HTTP form has beyond its declaration. */
export interface OperationNotes {
  /** Describes the success. */
  success?: string
  /** Media types of the body beside JSON of the input. */
  requestContent?: Json
  /** Another JSON form of the body. */
  bodyAlternative?: Json
  responses?: Json
}

const batchOutput = { $ref: '#/components/schemas/TelemetryFramesBatchOutput' }
const batchAnswer = (description: string, schema: Json) => ({
  description,
  headers: { 'X-Request-Id': { $ref: '#/components/headers/RequestId' } },
  content: { 'application/json': { schema } },
})

export const operationNotes: Record<string, OperationNotes> = {
  'telemetry.frames.batch': {
    success: 'Every frame was accepted',
    bodyAlternative: { type: 'array', items: Frame, description: 'The frames alone' },
    requestContent: {
      'application/x-ndjson': { schema: { type: 'string', description: 'One frame a line' } },
    },
    responses: {
      207: batchAnswer('Some frames were rejected; `results` tells which and why', batchOutput),
      400: batchAnswer('No frame was accepted, or the body itself is malformed (then the error envelope)', {
        anyOf: [batchOutput, { $ref: '#/components/schemas/Error' }],
      }),
    },
  },
} satisfies Partial<Record<OperationId, OperationNotes>>
