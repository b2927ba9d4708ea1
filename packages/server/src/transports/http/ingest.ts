import { createHash } from 'node:crypto'
import { type BatchReceipt, operations, telemetryLimits } from '@nexus/contract'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { toIso } from '../../core/clock.ts'
import type { Ctx, Principal } from '../../core/context.ts'
import { invalid } from '../../core/failure.ts'
import { authorise } from '../../core/invoke.ts'
import type { BatchInput, Idempotent } from '../../telemetry/index.ts'
import { admit } from './admit.ts'
import { negotiate } from './alternatives.ts'
import { decodeBody, parseJson, parseLines } from './body.ts'
import { httpCtx, idempotencyKeyOf } from './call.ts'
import { unsupportedMedia } from './error-answer.ts'
import { isJson } from './mount.ts'
import type { HttpDeps } from './ports.ts'

const send = operations['telemetry.frames.send']
const batch = operations['telemetry.frames.batch']

/** The operations whose routes are made here. */
export const ingestOperations = [send.id, batch.id] as ('telemetry.frames.send' | 'telemetry.frames.batch')[]

/**
 * The hot path: frames go from the socket to the room without a schema validator in between, for the room checks each
 * frame itself and names what is wrong with it. Everything else is as in `mount.ts`.
 */
export function mountIngest(app: FastifyInstance, deps: HttpDeps): void {
  app.route({
    method: 'POST',
    url: '/v1/telemetry/frames',
    bodyLimit: send.bodyBytesMax,
    config: { operation: 'telemetry.frames.send' },
    handler: (request, reply) => sendOne(deps, request, reply),
  })
  app.route({
    method: 'POST',
    url: '/v1/telemetry/frames/batch',
    bodyLimit: batch.bodyBytesMax,
    config: { operation: 'telemetry.frames.batch' },
    handler: (request, reply) => sendMany(deps, request, reply),
  })
}

async function sendOne(deps: HttpDeps, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const principal = await admit(deps, send, request, reply)
  authorise(send, principal)
  negotiate(request.headers.accept, send)
  if (!isJson(request.headers['content-type'])) throw unsupportedMedia('application/json')
  const ack = ackOf(request)
  const body = await decodeBody(bodyOf(request), request.headers['content-encoding'], send.bodyBytesMax)
  const idempotent = idempotentOf(principal, send.id, request, body)
  const frame = parseJson(body)
  if (typeof frame !== 'object' || frame === null) throw invalid('body', 'must be a JSON object')
  const receipt = await deps.telemetry.send(httpCtx(principal, request, deps), frame, ack, idempotent)
  if (idempotent && receipt.duplicate) reply.header('idempotent-replayed', 'true')
  return reply.status(201).type('application/json').send(JSON.stringify(receipt))
}

async function sendMany(deps: HttpDeps, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const principal = await admit(deps, batch, request, reply)
  authorise(batch, principal)
  negotiate(request.headers.accept, batch)
  const ack = ackOf(request)
  const body = await decodeBody(bodyOf(request), request.headers['content-encoding'], batch.bodyBytesMax)
  const idempotent = idempotentOf(principal, batch.id, request, body)
  const ctx = httpCtx(principal, request, deps)
  const receipt = await deps.telemetry.sendBatch(ctx, { frames: framesOf(request, body), ack }, idempotent)
  const answer = receipt.accepted === 0 ? { ...noneAccepted(receipt, ctx), ...receipt } : receipt
  return reply.status(statusOf(receipt)).type('application/json').send(JSON.stringify(answer))
}

function framesOf(request: FastifyRequest, body: Buffer): BatchInput['frames'] {
  const type = request.headers['content-type']
  if (/^application\/(x-ndjson|jsonl)\b/i.test(type ?? '')) return parseLines(body, telemetryLimits.batchFramesMax)
  if (!isJson(type)) throw unsupportedMedia('application/json or application/x-ndjson')
  const value = parseJson(body)
  if (Array.isArray(value)) return value
  const { frames, ...rest } = value as { frames?: unknown }
  if (!Array.isArray(frames)) throw invalid('frames', 'must be an array of frames')
  const [extra] = Object.keys(rest)
  if (extra !== undefined) throw invalid(extra, 'is not a known field: expected frames')
  return frames
}

function statusOf({ accepted, rejected }: BatchReceipt): number {
  return rejected === 0 ? 201 : accepted === 0 ? 400 : 207
}

/** When nothing was accepted the answer is an error like any other, with the receipt beside it. */
function noneAccepted(receipt: BatchReceipt, ctx: Ctx) {
  const errors = receipt.results.flatMap((result) =>
    'error' in result ? [{ field: `frames.${result.index}.${result.error.field}`, issue: result.error.issue }] : [],
  )
  const error = {
    code: 'INVALID_REQUEST',
    message: 'None of the frames was accepted',
    details: { ...errors[0], errors },
    request_id: ctx.requestId,
    timestamp: toIso(ctx.now()),
  }
  return { error }
}

function ackOf(request: FastifyRequest): 'durable' | 'memory' {
  const { ack = 'durable', ...rest } = request.query as Record<string, unknown>
  const [extra] = Object.keys(rest)
  if (extra !== undefined) throw invalid(extra, 'is not a query parameter of this operation: expected ack')
  if (ack !== 'durable' && ack !== 'memory') throw invalid('ack', 'must be durable or memory')
  return ack
}

function bodyOf(request: FastifyRequest): Buffer {
  return (request.body as Buffer | undefined) ?? Buffer.alloc(0)
}

function idempotentOf(
  principal: Principal,
  operation: string,
  request: FastifyRequest,
  body: Buffer,
): Idempotent | undefined {
  const key = idempotencyKeyOf(request)
  if (key === undefined) return undefined
  return {
    key: `key ${principal.keyId} ${operation} ${key}`,
    bodyHash: createHash('sha256').update(body).digest('base64'),
  }
}
