import { createHash } from 'node:crypto'
import { type BatchReceipt, operations, telemetryLimits } from '@nexus/contract'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { toIso } from '../../core/clock.ts'
import type { Ctx, Idempotent, Principal } from '../../core/context.ts'
import { invalid } from '../../core/failure.ts'
import { appendKey, authorise } from '../../core/invoke.ts'
import { type BatchInput, checkAck, checkBesideFrames, noneAccepted } from '../../telemetry/index.ts'
import { admit, admitKnown } from '../admit.ts'
import { type Call, callCtx, type HeaderSink, idempotencyKeyOf } from '../call.ts'
import { unsupportedMedia } from '../error-answer.ts'
import { parseJson } from '../json.ts'
import type { TransportDeps } from '../ports.ts'
import { negotiate } from './alternatives.ts'
import { decodeBody, readText } from './body.ts'
import { isJson } from './mount.ts'

const send = operations['telemetry.frames.send']
const batch = operations['telemetry.frames.batch']

/** The operations whose routes are made here. */
export const ingestOperations = [send.id, batch.id] as ('telemetry.frames.send' | 'telemetry.frames.batch')[]

/**
 * The hot path: frames go from the socket to the room without a schema validator in between, for the room checks each
 * frame itself and names what is wrong with it. Everything else is as in `mount.ts`.
 */
export function mountIngest(app: FastifyInstance, deps: TransportDeps): void {
  app.route({
    method: 'POST',
    url: '/v1/telemetry/frames',
    bodyLimit: send.bodyBytesMax,
    config: { operation: 'telemetry.frames.send' },
    handler: async (request, reply) => {
      const receipt = await takeFrame(deps, request, reply)
      return reply.status(send.status).type('application/json').send(receipt)
    },
  })
  app.route({
    method: 'POST',
    url: '/v1/telemetry/frames/batch',
    bodyLimit: batch.bodyBytesMax,
    config: { operation: 'telemetry.frames.batch' },
    handler: (request, reply) => sendMany(deps, request, reply),
  })
}

/** A call that brings one frame. */
export interface FrameCall extends Call {
  query: unknown
  body: unknown
}

/** Takes the frame of a call and gives the text of its receipt; the headers of the answer go to `reply`. */
export async function takeFrame(deps: TransportDeps, call: FrameCall, reply: HeaderSink): Promise<string> {
  const principal = admitKnown(deps, send, call, reply) ?? (await admit(deps, send, call, reply))
  authorise(send, principal)
  negotiate(call.headers.accept, send)
  if (!isJson(call.headers['content-type'])) throw unsupportedMedia('application/json')
  const decoded = decodeBody(bodyOf(call), call.headers['content-encoding'], send.bodyBytesMax)
  const body = Buffer.isBuffer(decoded) ? decoded : await decoded
  const idempotent = idempotentOf(principal, send.id, call, body)
  if (body.length === 0) throw invalid('body', 'is empty: expected a frame as a JSON object')
  const text = readText(body)
  const frame = parseJson(text)
  if (!isRecord(frame)) throw invalid('body', 'must be a JSON object')
  const receipt = await deps.telemetry.send(
    callCtx(principal, call.id, call.headers.traceparent, deps),
    frame,
    ackOf(call, frame),
    idempotent,
    text,
  )
  if (idempotent?.replayed) reply.headers({ 'idempotent-replayed': 'true' })
  return JSON.stringify(receipt)
}

async function sendMany(deps: TransportDeps, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const principal = await admit(deps, batch, request, reply)
  authorise(batch, principal)
  negotiate(request.headers.accept, batch)
  const body = await decodeBody(bodyOf(request), request.headers['content-encoding'], batch.bodyBytesMax)
  const idempotent = idempotentOf(principal, batch.id, request, body)
  const ctx = callCtx(principal, request.id, request.headers.traceparent, deps)
  const input = await readBatch(deps, request, body)
  const receipt = await deps.telemetry.sendBatch(ctx, input, idempotent)
  if (idempotent?.replayed) reply.header('idempotent-replayed', 'true')
  const answer = receipt.accepted === 0 ? { ...errorOf(receipt, ctx), ...receipt } : receipt
  return reply.status(statusOf(receipt)).type('application/json').send(JSON.stringify(answer))
}

/** No frame is shorter: `{"device_id":"d","metrics":{"m":1}}`. */
const frameBytesMin = 35

async function readBatch(
  { batchReader, telemetry }: TransportDeps,
  request: FastifyRequest,
  body: Buffer,
): Promise<BatchInput> {
  const type = request.headers['content-type']
  const isLines = /^application\/(x-ndjson|jsonl)\b/i.test(type ?? '')
  if (!isLines && !isJson(type)) throw unsupportedMedia('application/json or application/x-ndjson')
  const framesMost = Math.min(telemetryLimits.batchFramesMax, Math.ceil(body.length / frameBytesMin))
  const receivedAt = telemetry.momentsFor(framesMost)
  const { frames, rest } = await batchReader.read(body, isLines ? 'lines' : 'array', receivedAt)
  const ack = ackOf(request, rest)
  checkBesideFrames(rest)
  return { frames, ack }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function statusOf({ accepted, rejected }: BatchReceipt): number {
  return rejected === 0 ? 201 : accepted === 0 ? 400 : 207
}

/** When nothing was accepted the answer is an error like any other, with the receipt beside it. */
function errorOf(receipt: BatchReceipt, ctx: Ctx) {
  const { code, message, details } = noneAccepted(receipt)
  return { error: { code, message, details, request_id: ctx.requestId, timestamp: toIso(ctx.now()) } }
}

/** `ack` may stand in the query, as in `?ack=memory`, or beside what is sent; from there it is taken out. */
function ackOf(call: FrameCall, body: Record<string, unknown>): 'durable' | 'memory' {
  const { ack: inQuery, ...rest } = call.query as Record<string, unknown>
  const [extra] = Object.keys(rest)
  if (extra !== undefined) throw invalid(extra, 'is not a query parameter of this operation: expected ack')
  const ack = checkAck(inQuery ?? body.ack)
  if ('ack' in body) delete body.ack
  return ack
}

function bodyOf(call: FrameCall): Buffer {
  return (call.body as Buffer | undefined) ?? Buffer.alloc(0)
}

function idempotentOf(principal: Principal, operation: string, call: Call, body: Buffer): Idempotent | undefined {
  const key = idempotencyKeyOf(call)
  if (key === undefined) return undefined
  return {
    key: appendKey(principal, operation, key),
    bodyHash: createHash('sha256').update(body).digest('base64'),
  }
}
