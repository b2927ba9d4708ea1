import {
  commandEventsStream,
  type EventStreamInput,
  eventsStream,
  type Operation,
  runEventsStream,
  type Scope,
} from '@nexus/contract'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Static, TSchema } from 'typebox'
import type { Principal } from '../../core/context.ts'
import type { Trail } from '../../core/trail.ts'
import { validator } from '../../core/validate.ts'
import { idOf, type LoggedEvent, type Subscription } from '../../events/index.ts'
import { admitConnection, type Presented } from '../admit.ts'
import { bearerOf } from '../call.ts'
import { ConnectionLimit } from '../connection-limit.ts'
import { EverySecond } from '../every-second.ts'
import { coerceQuery } from '../http/input.ts'
import { KeyWatch } from '../key-watch.ts'
import type { TransportDeps } from '../ports.ts'
import { EventStream, type EventStreamHost, type EventStreamOptions } from './event-stream.ts'

const heartbeatMs = 15_000

/** Streams are no operations: their answer has no end. */
interface StreamRoute<Input extends TSchema> {
  id: string
  rate: Operation['rate']
  input: Input
}

/**
 * `GET /v1/events/stream`, and the events of one command or run. An ordinary answer as long as anything can be refused; then a
 * stream that ends when the client goes, the key is no longer valid, the reader is too slow, the server stops, or nothing
 * follows any more, and says which. A key has at most `streamsMax` at a time.
 */
export function mountEventStreams(app: FastifyInstance, deps: TransportDeps, streamsMax: number): void {
  const lobby = new Lobby(deps, streamsMax)
  const readEvents = inputReader(eventsStream)
  app.get(eventsStream.path, { exposeHeadRoute: false }, async (request, reply) => {
    const admitted = await admitConnection(deps, eventsStream, request, presentedIn(request), reply)
    const { token: _, ticket: __, ...query } = readEvents(request)
    const stream = await lobby.enter(admitted.principal, query)
    lobby.open({ request, reply, ...admitted, stream })
  })
  const readCommand = inputReader(commandEventsStream)
  app.get(routeOf(commandEventsStream.path), { exposeHeadRoute: false }, async (request, reply) => {
    const admitted = await admitConnection(deps, commandEventsStream, request, presentedIn(request), reply)
    const { command_id, last_event_id } = readCommand(request)
    const trail = await deps.commands.trail(admitted.principal, command_id)
    const of = { ...trail, types: 'command.*', filters: { command_id }, scope: commandEventsStream.scope }
    return lobby.follow({ request, reply, ...admitted }, of, last_event_id)
  })
  const readRun = inputReader(runEventsStream)
  app.get(routeOf(runEventsStream.path), { exposeHeadRoute: false }, async (request, reply) => {
    const admitted = await admitConnection(deps, runEventsStream, request, presentedIn(request), reply)
    const { run_id, last_event_id } = readRun(request)
    const trail = await deps.tasks.trail(admitted.principal, run_id)
    const of = { ...trail, types: 'task.*', filters: { run_id }, scope: runEventsStream.scope }
    return lobby.follow({ request, reply, ...admitted }, of, last_event_id)
  })
}

/** The events of one thing, which whoever may see it may see, whatever else the key permits. */
interface Followed extends Trail {
  types: string
  filters: Record<string, string>
  scope: Scope
}

/** Less than any, where there is none. */
function seqOf(id: string | undefined): number {
  return id?.startsWith('evt-') ? Number(id.slice('evt-'.length)) : -1
}

/** After which event there is nothing more: the one that is known to be the last, or the first that tells of an end. */
function lastOf(known: string | undefined): (event: LoggedEvent) => boolean {
  if (known !== undefined) return ({ seq }) => idOf(seq) === known
  // A timeout tells of a failure too, before it tells of the timeout.
  return ({ type, data }) => {
    const [, what = ''] = type.split('.')
    return ends.includes(what) && !(what === 'failed' && 'status' in data && data.status === 'timeout')
  }
}

const ends: readonly string[] = ['completed', 'failed', 'timeout', 'cancelled', 'skipped', 'missed']

/**
 * Tells a browser not to connect again
 * (https://html.spec.whatwg.org/multipage/server-sent-events.html#concept-event-stream-fail-the-connection).
 */
function nothingFollows(reply: FastifyReply): FastifyReply {
  return reply.status(204).send()
}

/** `/v1/commands/{command_id}/events` as Fastify writes it. */
function routeOf(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ':$1')
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

  /** Opens the stream of one thing, from its first event or where the client left off, until its last. */
  async follow(
    client: Omit<EventStreamOptions, 'stream' | 'isLast' | 'lastSeq'>,
    { after, last, types, filters, scope }: Followed,
    lastEventId: string | undefined,
  ): Promise<FastifyReply | undefined> {
    if (last !== undefined && seqOf(lastEventId) >= seqOf(last)) return nothingFollows(client.reply)
    const resumed = lastEventId === undefined || lastEventId === 'earliest' ? after : lastEventId
    const asked = { event_types: types, filters: JSON.stringify(filters), last_event_id: resumed }
    const stream = await this.enter({ ...client.principal, scopes: [scope] }, asked)
    this.open({ ...client, stream, isLast: lastOf(last), lastSeq: last === undefined ? undefined : seqOf(last) })
    return undefined
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

/** Reads path, query and `Last-Event-ID`, which goes before the query. */
function inputReader<Input extends TSchema & { properties: Record<string, TSchema> }>({
  id,
  input,
}: StreamRoute<Input>) {
  const validate = validator(input, `query of ${id}`)
  return (request: FastifyRequest): Static<Input> => {
    const query = coerceQuery(request.query as Record<string, string | string[]>, input.properties) as object
    const resumed = request.headers['last-event-id']
    const given = { ...query, ...(request.params as object) }
    return validate(
      typeof resumed === 'string' && resumed !== '' ? { ...given, last_event_id: resumed } : given,
    ) as Static<Input>
  }
}
