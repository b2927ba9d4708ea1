import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type CloseCode, websocketLimits, websocketPath } from '@nexus/contract'
import type { FastifyInstance } from 'fastify'
import { type ServerOptions, type WebSocket, WebSocketServer } from 'ws'
import { holds, type Principal } from '../../core/context.ts'
import { Failure, fail } from '../../core/failure.ts'
import { admitConnection } from '../admit.ts'
import { type Call, callCtx, type HeaderSink, requestIdOf } from '../call.ts'
import { ConnectionLimit } from '../connection-limit.ts'
import type { Credential } from '../credential.ts'
import { toFailure } from '../error-answer.ts'
import { EverySecond } from '../every-second.ts'
import { securityHeaders } from '../headers.ts'
import { refuseUpgrade } from '../http/refuse-connection.ts'
import { headFault } from '../http/request-head.ts'
import type { InTurn } from '../in-turn.ts'
import { KeyWatch } from '../key-watch.ts'
import type { TransportDeps } from '../ports.ts'
import { Connection, type ConnectionHost } from './connection.ts'
import { chooseProtocol, presentedIn } from './handshake.ts'
import { lookAfter } from './look-after.ts'
import { answer, errorPayload } from './outgoing.ts'

export interface WebSocketOptions {
  /** How many a key may have at a time. */
  connectionsPerKey: number
  /** Whether the messages of a client are counted. */
  messagesLimited: boolean
  /** What of a connection is answered first. */
  inTurn: InTurn
}

/** How long a client may take to answer a goodbye, or to hang up after its own. */
const closeMs = 2000

const rated = { rate: 'other' } as const
const shuttingDown = [1001, 'shutting_down', 'stream.shutdown'] as const

/** Whether a request asks for a WebSocket where there is one; every other is answered as if it had not asked. */
export function asksForWebSocket({ method, url, headers }: IncomingMessage): boolean {
  const path = url?.split('?', 1)[0]
  return method === 'GET' && path === websocketPath && headers.upgrade?.toLowerCase() === 'websocket'
}

/**
 * `GET /v1` with an upgrade. Browsers can't read why an upgrade was refused, so it is completed for everyone who asks
 * rightly, and whoever may not stay is told so in a message and a close code.
 */
export function openWebSockets(app: FastifyInstance, deps: TransportDeps, options: WebSocketOptions): void {
  // The types do not know `closeTimeout` yet.
  const serverOptions: ServerOptions & { closeTimeout: number } = {
    noServer: true,
    clientTracking: false,
    maxPayload: websocketLimits.messageBytes,
    perMessageDeflate: false,
    closeTimeout: closeMs,
    handleProtocols: chooseProtocol,
  }
  const server = new WebSocketServer(serverOptions)
  const lobby = new Lobby(server, deps, options)
  server.on('headers', (lines, request) => lines.push(...(heads.get(request) ?? [])))
  server.on('wsClientError', (error, socket, request) => refuseUpgrade(deps, error, socket, request))
  app.server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    options.inTurn.takeUpgrade(request, () => {
      receive(lobby, request, socket, head).catch((cause) => {
        deps.onBug(cause, { requestId: requestIdOf(undefined), method: 'GET', url: request.url ?? '' })
        socket.destroy()
      })
    })
  })
  app.get(websocketPath, { exposeHeadRoute: false }, (_request, reply) => {
    reply.headers({ upgrade: 'websocket', connection: 'upgrade' })
    throw fail('INVALID_REQUEST', { field: 'Upgrade', issue: 'expected websocket' }, { http: 426 })
  })
  app.addHook('preClose', (done) => {
    lobby.closeAll()
    done()
  })
}

/** Where connections come in and go out again. */
class Lobby implements ConnectionHost {
  readonly server: WebSocketServer
  readonly deps: TransportDeps
  readonly limited: boolean
  readonly keys = new KeyWatch()
  readonly limit: ConnectionLimit
  readonly #connections = new EverySecond<Connection>(lookAfter)
  /** What to call when the connection of a device is over. */
  readonly #devices = new Map<Connection, () => void>()

  constructor(server: WebSocketServer, deps: TransportDeps, options: WebSocketOptions) {
    this.server = server
    this.deps = deps
    this.limited = options.messagesLimited
    this.limit = new ConnectionLimit(options.connectionsPerKey, 'connections')
  }

  open(ws: WebSocket, socket: Duplex, { principal, credential }: Admitted, traceId: string | undefined): void {
    const connection = new Connection(this, { ws, socket, principal, credential })
    if (principal.deviceId !== null && holds(principal, 'telemetry:write'))
      this.#devices.set(connection, this.deps.devices.attach(principal.deviceId, traceId))
    this.#connections.add(connection)
    this.deps.countConnection('websocket', 1)
    if (this.deps.signal.aborted) connection.close(...shuttingDown)
  }

  closed(connection: Connection): void {
    this.limit.leave(connection.principal.keyId)
    this.keys.remove(connection, connection.credential)
    this.#devices.get(connection)?.()
    this.#devices.delete(connection)
    this.#connections.remove(connection)
    this.deps.countConnection('websocket', -1)
  }

  closeAll(): void {
    for (const connection of this.#connections) connection.close(...shuttingDown)
  }
}

interface Admitted {
  principal: Principal
  credential: Credential
}

/** More lines for the head of the answer. */
const heads = new WeakMap<IncomingMessage, string[]>()

async function receive(lobby: Lobby, request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
  const { deps, server } = lobby
  socket.on('error', destroyed)
  const fault = headFault(request)
  if (fault) return refuseUpgrade(deps, fault, socket, request)
  const { headers } = request
  const call = { id: requestIdOf(headers['x-request-id']), headers, ip: request.socket.remoteAddress ?? '', socket }
  const lines = linesOf({ ...securityHeaders, 'x-request-id': call.id })
  heads.set(request, lines)
  const reply = { headers: (values: Record<string, string>) => lines.push(...linesOf(values)) }
  const admitted = await admit(lobby, call, request.url ?? '', reply)
  const ws = socket.destroyed ? undefined : upgraded(server, request, socket, head)
  // From now on `ws` listens.
  if (ws) socket.off('error', destroyed)
  if (admitted instanceof Failure) {
    if (ws) reject(deps, ws, admitted, call.id)
  } else if (ws) lobby.open(ws, socket, admitted, traceOf(deps, admitted, call))
  else lobby.limit.leave(admitted.principal.keyId)
}

/** Apart, so that it doesn't keep alive what `receive` knew for as long as the connection lasts. */
function destroyed(this: Duplex): void {
  this.destroy()
}

async function admit({ deps, limit }: Lobby, call: Call, url: string, reply: HeaderSink): Promise<Admitted | Failure> {
  try {
    const admitted = await admitConnection(deps, rated, call, presentedIn(call, url), reply)
    limit.enter(admitted.principal.keyId)
    return admitted
  } catch (cause) {
    if (!(cause instanceof Failure)) deps.onBug(cause, { requestId: call.id, method: 'GET', url })
    return toFailure(cause)
  }
}

/** Undefined: it was no handshake, which was answered. */
function upgraded(server: WebSocketServer, request: IncomingMessage, socket: Duplex, head: Buffer) {
  let opened: WebSocket | undefined
  server.handleUpgrade(request, socket, head, (ws) => {
    opened = ws
  })
  return opened
}

function traceOf(deps: TransportDeps, { principal }: Admitted, { id, headers }: Call): string | undefined {
  return callCtx(principal, id, headers.traceparent, deps).givenTraceId
}

function reject(deps: TransportDeps, ws: WebSocket, failure: Failure, requestId: string): void {
  ws.on('error', () => {})
  const refusal = answer(undefined, { type: 'error', payload: errorPayload(failure, requestId) }, deps.now())
  ws.send(JSON.stringify(refusal))
  ws.close(closeCodeOf(failure), String(failure.details.reason ?? failure.code).toLowerCase())
}

function closeCodeOf({ code, details }: Failure): CloseCode {
  if (code === 'UNAUTHORIZED' || details.reason === 'too_many_bad_keys') return 4000
  return code === 'RATE_LIMIT_EXCEEDED' ? 4001 : 1011
}

function linesOf(headers: Record<string, string>): string[] {
  return Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
}
