import { type EventStreamInput, eventsStream } from '@nexus/contract'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Principal } from '../../core/context.ts'
import { validator } from '../../core/validate.ts'
import type { Subscription } from '../../events/index.ts'
import { admitConnection, type Presented } from '../admit.ts'
import { bearerOf } from '../call.ts'
import { ConnectionLimit } from '../connection-limit.ts'
import { EverySecond } from '../every-second.ts'
import { coerceQuery } from '../http/input.ts'
import { KeyWatch } from '../key-watch.ts'
import type { TransportDeps } from '../ports.ts'
import { EventStream, type EventStreamHost, type EventStreamOptions } from './event-stream.ts'

const heartbeatMs = 15_000

const validate = validator(eventsStream.input, `query of ${eventsStream.id}`)

/**
 * `GET /v1/events/stream`. An ordinary answer as long as anything can be refused; then a stream that ends when the client
 * goes, the key is no longer valid, the reader is too slow, or the server stops, and says which. A key has at most
 * `streamsMax` at a time.
 */
export function mountEventStream(app: FastifyInstance, deps: TransportDeps, streamsMax: number): void {
  const lobby = new Lobby(deps, streamsMax)
  app.get(eventsStream.path, { exposeHeadRoute: false }, async (request, reply) => {
    const presented = presentedIn(request)
    const { principal, credential } = await admitConnection(deps, eventsStream, request, presented, reply)
    const { token: _, ticket: __, ...query } = readQuery(request)
    const stream = await lobby.enter(principal, query)
    lobby.open({ request, reply, principal, credential, stream })
  })
}

/** Where streams come in and go out again. */
class Lobby implements EventStreamHost {
  readonly deps: TransportDeps
  readonly keys = new KeyWatch()
  readonly #limit: ConnectionLimit
  readonly #streams = new EverySecond<EventStream>((stream, now) => {
    if (now - stream.beatAt >= heartbeatMs) stream.beat(now)
  })

  constructor(deps: TransportDeps, streamsMax: number) {
    this.deps = deps
    this.#limit = new ConnectionLimit(streamsMax, 'streams')
    const stopped = () => {
      for (const stream of this.#streams) stream.end('stream.shutdown', 'shutting_down')
    }
    deps.signal.addEventListener('abort', stopped, { once: true })
  }

  async enter(principal: Principal, input: EventStreamInput): Promise<Subscription> {
    this.#limit.enter(principal.keyId)
    try {
      return await this.deps.events.stream(principal, input)
    } catch (cause) {
      this.#limit.leave(principal.keyId)
      throw cause
    }
  }

  open(options: EventStreamOptions): void {
    const { request, reply } = options
    reply.hijack()
    // The client may have gone at any time since, and nothing would tell it any more.
    if (reply.raw.destroyed || request.raw.socket.destroyed) {
      this.#giveUp(options)
      return
    }
    const stream = new EventStream(this, options)
    this.#streams.add(stream)
    this.deps.countConnection('sse', 1)
    stream.begin()
    if (this.deps.signal.aborted) stream.end('stream.shutdown', 'shutting_down')
  }

  #giveUp({ reply, principal, stream }: EventStreamOptions): void {
    stream.end()
    this.#limit.leave(principal.keyId)
    reply.raw.destroy()
  }

  closed(stream: EventStream): void {
    this.#limit.leave(stream.principal.keyId)
    this.keys.remove(stream, stream.credential)
    this.#streams.remove(stream)
    this.deps.countConnection('sse', -1)
  }
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
