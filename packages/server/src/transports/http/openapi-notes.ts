import type { OperationId } from '@nexus/contract'
import { Frame, operations } from '@nexus/contract'

type Json = Record<string, unknown>

/** What an operation's HTTP form has beyond its declaration. */
export interface OperationNotes {
  /** Describes the success. */
  success?: string
  /** Of the query, beside what the input has. */
  parameters?: Json[]
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

const ackInQuery = {
  name: 'ack',
  in: 'query',
  required: false,
  description: '`durable` answers once it is synced to the disk, `memory` at once; goes before `ack` in the body',
  schema: operations['telemetry.frames.send'].input.properties.ack,
}

export const operationNotes: Record<string, OperationNotes> = {
  'telemetry.frames.send': { parameters: [ackInQuery] },
  'telemetry.frames.batch': {
    parameters: [ackInQuery],
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
