import { ClientEnvelope, type ClientMessageType, clientMessages } from '@nexus/contract'
import type { TSchema } from 'typebox'
import { invalid } from '../../core/failure.ts'
import { nearest } from '../../core/nearest.ts'
import { validator } from '../../core/validate.ts'
import { checkShape, parseJson } from '../json.ts'

const envelope = validator(ClientEnvelope, 'message')
const types = Object.keys(clientMessages) as ClientMessageType[]
const payloads = Object.fromEntries(
  types.map((type) => [type, validator(clientMessages[type].payload as TSchema, `payload of ${type}`)]),
) as Record<ClientMessageType, (payload: unknown) => unknown>

/** Reads the envelope of a message. Errors: INVALID_REQUEST, for which the connection ends. */
export function readEnvelope(text: string): ClientEnvelope {
  return envelope(parseJson(text)) as ClientEnvelope
}

export interface ClientMessage {
  type: ClientMessageType
  payload: unknown
}

/** Reads what a message says. Errors: INVALID_REQUEST (no such type, or against its schema). */
export function readMessage({ type, payload = {} }: ClientEnvelope): ClientMessage {
  const known = types.find((one) => one === type)
  if (known === undefined) {
    const meant = nearest(type, types)
    const hint = meant === undefined ? `expected ${types.join(', ')}` : `did you mean ${meant}?`
    throw invalid('type', `is not what a client sends: ${hint}`)
  }
  checkShape(payload)
  return { type: known, payload: payloads[known](payload) }
}
