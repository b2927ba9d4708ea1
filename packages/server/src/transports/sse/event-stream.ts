import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { type EventStreamInput, eventsStream } from '@nexus/contract'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { validator } from '../../core/validate.ts'
import type { Subscription } from '../../events/index.ts'
import { admitConnection, type Presented } from '../admit.ts'
import { bearerOf } from '../call.ts'
import { ConnectionLimit } from '../connection-limit.ts'
import { coerceQuery } from '../http/input.ts'
import { createJoin } from '../join.ts'
import { createKeyWatch } from '../key-watch.ts'
import type { TransportDeps } from '../ports.ts'
import { streamPieces } from '../stream-pieces.ts'
import { renderCursor, renderEvent, renderNotice } from './render.ts'

/** What a browser waits before it connects again. */
const retryMs = 3000
const heartbeatMs = 15_000
/** How much of what was written may wait for the reader before no more is taken from the stream. */
const unsentBytesMax = 1024 * 1024
/** How long a reader may take for that before the connection is cut. */
const unreadMs = 30_000

const rendering = { events: createJoin(renderEvent), notice: renderNotice }

const validate = validator(eventsStream.input, `query of ${eventsStream.id}`)

/**
 * `GET /v1/events/stream`. An ordinary answer as long as anything can be refused; then a stream that ends when the client
 * goes, the key is no longer valid, the reader is too slow, or the server stops, and says which. A key has at most
 * `streamsMax` at a time.
 */
export function mountEventStream(app: FastifyInstance, deps: TransportDeps, streamsMax: number): void {
  const keys = createKeyWatch()
  const limit = new ConnectionLimit(streamsMax, 'streams')
  app.get(eventsStream.path, { exposeHeadRoute: false }, async (request, reply) => {
    // Before anything is awaited, for the client may go at any time.
    const ended = new AbortController()
    reply.raw.once('close', () => ended.abort())
    const presented = presentedIn(request)
    const { principal, credential } = await admitConnection(deps, eventsStream, request, presented, reply)
    const { token: _, ticket: __, ...query } = readQuery(request)
    const leave = limit.enter(principal.keyId)
    if (ended.signal.aborted) leave()
    else ended.signal.addEventListener('abort', leave, { once: true })
    const stream = await deps.events.stream(principal, query, ended.signal)
    const watch = (changed: () => void) => keys.watch(credential, principal, changed)
    if (ended.signal.aborted || request.raw.socket.destroyed) reply.hijack().raw.destroy()
    else await run(deps, request, reply, { watch, stream, ended })
  })
}

/** What a client shows for who it is; looked at before anything else of the query is. */
function presentedIn(request: FastifyRequest): Presented {
  const { token, ticket } = request.query as Record<string, string | string[] | undefined>
  const only = (value: string | string[] | undefined) => (typeof value === 'string' ? value : undefined)
  return { key: bearerOf(request) ?? only(token), ticket: only(ticket) }
}

function readQuery(request: FastifyRequest): EventStreamInput {
  const properties = eventsStream.input.properties
  const query = coerceQuery(request.query as Record<string, string | string[]>, properties) as EventStreamInput
  const resumed = request.headers['last-event-id']
  return validate(
    typeof resumed === 'string' && resumed !== '' ? { ...query, last_event_id: resumed } : query,
  ) as EventStreamInput
}

interface Running {
  /** Tells when the key no longer permits it; returns what ends the watch. */
  watch(changed: () => void): () => void
  stream: Subscription
  ended: AbortController
}

async function run(deps: TransportDeps, request: FastifyRequest, reply: FastifyReply, running: Running): Promise<void> {
  const { watch, stream, ended } = running
  reply.hijack()
  deps.countConnection('sse', 1)
  const { raw } = reply
  raw.writeHead(200, {
    ...(reply.getHeaders() as Record<string, string>),
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store, no-transform',
    'x-accel-buffering': 'no',
  })
  raw.write(`retry: ${retryMs}\n: connected\n\n${renderCursor(stream.cursor)}`)
  let farewell: [type: string, data: object] | undefined
  const end = (type?: string, data = {}) => {
    if (type !== undefined) farewell ??= [type, data]
    ended.abort()
  }
  const heartbeat = setInterval(() => raw.write(`:\n\n${renderCursor(stream.position())}`), heartbeatMs)
  const unwatch = watch(() => end('stream.expired', { reason: 'key_changed' }))
  const stopped = () => end('stream.shutdown', { reason: 'shutting_down' })
  deps.signal.addEventListener('abort', stopped, { once: true })
  try {
    if (deps.signal.aborted) stopped()
    for await (const item of stream) {
      for (const piece of streamPieces(item, rendering)) {
        raw.write(piece)
        // What is left waits in the subscription, which has a bound of its own.
        if (raw.writableLength > unsentBytesMax && !(await drained(raw, ended.signal))) ended.abort()
        if (ended.signal.aborted) break
      }
    }
  } catch (cause) {
    deps.onBug(cause, { requestId: request.id, method: request.method, url: request.url })
  } finally {
    clearInterval(heartbeat)
    unwatch()
    deps.countConnection('sse', -1)
    deps.signal.removeEventListener('abort', stopped)
    if (farewell) raw.write(renderNotice(...farewell))
    if (raw.writableLength > unsentBytesMax) raw.destroy()
    else raw.end()
  }
}

/** False: the reader has gone, or reads nothing. */
function drained(raw: ServerResponse, ended: AbortSignal): Promise<boolean> {
  const signal = AbortSignal.any([ended, AbortSignal.timeout(unreadMs)])
  return once(raw, 'drain', { signal }).then(
    () => true,
    () => false,
  )
}
