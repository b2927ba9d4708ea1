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
import { securityHeaders } from '../headers.ts'
import { refuseUpgrade } from '../http/refuse-connection.ts'
import { headFault } from '../http/request-head.ts'
import type { InTurn } from '../in-turn.ts'
import { createKeyWatch, type KeyWatch } from '../key-watch.ts'
import type { TransportDeps } from '../ports.ts'
import { Connection } from './connection.ts'
import { Connections } from './connections.ts'
import { chooseProtocol, presentedIn } from './handshake.ts'
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
  const lobby: Lobby = {
    deps,
    options,
    server,
    connections: new Connections(),
    keys: createKeyWatch(),
    limit: new ConnectionLimit(options.connectionsPerKey, 'connections'),
  }
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
    lobby.connections.closeAll()
    done()
  })
}

interface Lobby {
  deps: TransportDeps
  options: WebSocketOptions
  server: WebSocketServer
  connections: Connections
  keys: KeyWatch
  limit: ConnectionLimit
}

interface Admitted {
  principal: Principal
  credential: Credential
  /** Counts the connection out again. */
  leave(): void
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
  if (admitted instanceof Failure) {
    if (ws) reject(deps, ws, admitted, call.id)
  } else if (ws) open(lobby, ws, socket, { ...admitted, traceId: traceOf(deps, admitted, call) })
  else admitted.leave()
}

/** Apart, so that it doesn't keep alive what `receive` knew for as long as the connection lasts. */
function destroyed(this: Duplex): void {
  this.destroy()
}

async function admit({ deps, limit }: Lobby, call: Call, url: string, reply: HeaderSink): Promise<Admitted | Failure> {
  try {
    const { principal, credential } = await admitConnection(deps, rated, call, presentedIn(call, url), reply)
    return { principal, credential, leave: limit.enter(principal.keyId) }
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

interface Opened extends Admitted {
  /** That of `traceparent`. */
  traceId: string | undefined
}

function open(lobby: Lobby, ws: WebSocket, socket: Duplex, { principal, credential, leave, traceId }: Opened): void {
  const { deps, options, connections, keys } = lobby
  ws.on('close', leave)
  const connection = new Connection(deps, { ws, socket, credential, limited: options.messagesLimited })
  const unwatch = keys.watch(credential, principal, () => connection.expire())
  const isDevice = principal.deviceId !== null && holds(principal, 'telemetry:write')
  const detach = isDevice ? deps.devices.attach(principal.deviceId!, traceId) : undefined
  connections.add(connection, performance.now())
  deps.countConnection('websocket', 1)
  ws.on('close', () => {
    unwatch()
    detach?.()
    connections.remove(connection)
    deps.countConnection('websocket', -1)
  })
  if (deps.signal.aborted) connection.close(1001, 'shutting_down', 'stream.shutdown')
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
