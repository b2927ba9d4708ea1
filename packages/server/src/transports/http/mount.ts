import { type HttpRoute, type Operation, type OperationId, operations, successStatus } from '@nexus/contract'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { admit } from '../admit.ts'
import { callCtx, callerSignal, hungUp, idempotencyKeyOf } from '../call.ts'
import { unsupportedMedia } from '../error-answer.ts'
import { checkShape } from '../json.ts'
import type { TransportDeps } from '../ports.ts'
import { type MediaType, negotiate } from './alternatives.ts'
import { decodeBody, readJson } from './body.ts'
import { gatherInput } from './input.ts'
import { type RowsAnswer, streamJson, streamRows } from './stream-rows.ts'

/** Makes the REST routes of the contract; those that `ingest.ts` serves are left out. */
export function mountOperations(app: FastifyInstance, deps: TransportDeps, except: readonly OperationId[]): void {
  for (const operation of Object.values(operations) as Operation[]) {
    if (except.includes(operation.id as OperationId)) continue
    for (const route of operation.http) mountRoute(app, deps, operation, route)
  }
}

function mountRoute(app: FastifyInstance, deps: TransportDeps, operation: Operation, route: HttpRoute): void {
  const { method, url } = splitRoute(route)
  app.route({
    method,
    url,
    bodyLimit: operation.bodyBytesMax,
    config: { operation: operation.id as OperationId },
    handler: (request, reply) => serve(deps, operation, request, reply),
  })
}

/** `GET /v1/auth/keys/{key_id}` as Fastify writes it. */
function splitRoute(route: HttpRoute): { method: string; url: string } {
  const [method, path] = route.split(' ') as [string, string]
  return { method, url: path.replaceAll(/\{(\w+)\}/g, ':$1') }
}

async function serve(
  deps: TransportDeps,
  operation: Operation,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<unknown> {
  const principal = await admit(deps, operation, request, reply)
  const media = negotiate(request.headers.accept, operation)
  const body = await readBody(operation, request)
  const given = gatherInput(operation, { method: request.method, params: request.params, query: request.query, body })
  const input = withIfMatch(operation, given, request.headers['if-match'])
  const countGone = () => deps.observe(operation.id as OperationId, hungUp, reply.elapsedTime / 1000)
  const ctx = callCtx(principal, request.id, request.headers.traceparent, {
    now: deps.now,
    signal: waitingSignal(deps, operation, callerSignal(reply, countGone)),
  })
  const key = idempotencyKeyOf(request)
  const answer = await deps.gate.invoke(
    operation.id as OperationId,
    ctx,
    input,
    key === undefined ? {} : { idempotencyKey: key },
  )
  // Who waited may have lost the key meanwhile: what was leased stays so until its lease ends.
  if (operation.effect === 'lease' || answer.isLater) await deps.admitAgain(principal, request.ip)
  if (answer.replayed) reply.header('idempotent-replayed', 'true')
  return send(reply, operation, media, answer.output)
}

/** Who waits for work is not waited for when the server stops. */
function waitingSignal({ signal: stopping }: TransportDeps, { effect }: Operation, gone: AbortSignal): AbortSignal {
  return effect === 'lease' ? AbortSignal.any([gone, stopping]) : gone
}

async function readBody(operation: Operation, request: FastifyRequest): Promise<unknown> {
  const body = request.body as Buffer | undefined
  if (body === undefined || body.length === 0) return {}
  if (!isJson(request.headers['content-type'])) throw unsupportedMedia('application/json')
  const value = readJson(await decodeBody(body, request.headers['content-encoding'], operation.bodyBytesMax))
  checkShape(value)
  return value
}

/** A path template with the fields of an answer. */
function filled(template: string, output: unknown): string {
  return template.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(String((output as Record<string, unknown>)[name])),
  )
}

/** `If-Match` goes before the field. */
function withIfMatch(operation: Operation, input: Record<string, unknown>, header: string | undefined) {
  const { properties = {} } = operation.input as { properties?: object }
  return header !== undefined && Object.hasOwn(properties, 'if_match') ? { ...input, if_match: header } : input
}

export function isJson(contentType: string | undefined): boolean {
  const media = contentType?.split(';', 1)[0]?.trim().toLowerCase()
  return media === 'application/json' || media === 'application/merge-patch+json'
}

function send(reply: FastifyReply, operation: Operation, media: MediaType, output: unknown): unknown {
  const status = successStatus(operation, output)
  reply.status(status)
  if (status === 204) return reply.send()
  if (operation.etag !== undefined) reply.header('etag', `"${(output as Record<string, unknown>)[operation.etag]}"`)
  if (operation.location !== undefined) reply.header('location', filled(operation.location, output))
  if (media === 'application/json') {
    const text = operation.alternatives ? streamJson(output as RowsAnswer) : JSON.stringify(output)
    return reply.type('application/json').send(text)
  }
  const answer = output as RowsAnswer & { next_cursor?: string | null }
  if (answer.next_cursor) reply.header('x-next-cursor', answer.next_cursor)
  return reply.type(media === 'text/csv' ? 'text/csv; charset=utf-8' : media).send(streamRows(answer, media))
}
