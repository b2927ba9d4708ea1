import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type CloseCode, websocketLimits, websocketPath } from '@nexus/contract'
import type { FastifyInstance } from 'fastify'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Principal } from '../../core/context.ts'
import { Failure, fail } from '../../core/failure.ts'
import type { Credential } from '../credential.ts'
import { admitConnection } from '../http/admit.ts'
import { type Call, type HeaderSink, requestIdOf } from '../http/call.ts'
import { toFailure } from '../http/error-answer.ts'
import { securityHeaders } from '../http/headers.ts'
import type { HttpDeps } from '../http/ports.ts'
import { refuseUpgrade } from '../http/refuse-connection.ts'
import { headFault } from '../http/request-head.ts'
import { createKeyWatch, type KeyWatch } from '../key-watch.ts'
import { Places } from '../places.ts'
import { closeWebSocket } from './close.ts'
import { Connection } from './connection.ts'
import { Connections } from './connections.ts'
import { chooseProtocol, shownBy } from './handshake.ts'
import { errorPayload, notice } from './message-out.ts'

export interface WebSocketOptions {
  /** How many a key may have at a time. */
  connectionsPerKey: number
  /** Whether the messages of a client are counted. */
  messagesLimited: boolean
}

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
export function openWebSockets(app: FastifyInstance, deps: HttpDeps, options: WebSocketOptions): void {
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: websocketLimits.messageBytes,
    perMessageDeflate: false,
    handleProtocols: chooseProtocol,
  })
  const lobby: Lobby = {
    deps,
    options,
    server,
    connections: new Connections(),
    keys: createKeyWatch(),
    places: new Places(options.connectionsPerKey, 'connections'),
  }
  server.on('headers', (lines, request) => lines.push(...(heads.get(request) ?? [])))
  server.on('wsClientError', (error, socket, request) => refuseUpgrade(deps, error, socket, request))
  app.server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    receive(lobby, request, socket, head).catch((cause) => {
      deps.onBug(cause, { requestId: requestIdOf(undefined), method: 'GET', url: request.url ?? '' })
      socket.destroy()
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
  deps: HttpDeps
  options: WebSocketOptions
  server: WebSocketServer
  connections: Connections
  keys: KeyWatch
  places: Places
}

interface Admitted {
  principal: Principal
  credential: Credential
  /** Gives the place back that the connection has taken. */
  leave(): void
}

/** More lines for the head of the answer. */
const heads = new WeakMap<IncomingMessage, string[]>()

async function receive(lobby: Lobby, request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
  const { deps, server } = lobby
  socket.on('error', () => socket.destroy())
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
    if (ws) turnAway(deps, ws, admitted)
  } else if (ws) open(lobby, ws, socket, admitted)
  else admitted.leave()
}

async function admit({ deps, places }: Lobby, call: Call, url: string, reply: HeaderSink): Promise<Admitted | Failure> {
  try {
    const { principal, credential } = await admitConnection(deps, rated, call, shownBy(call, url), reply)
    return { principal, credential, leave: places.take(principal.keyId) }
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

function open(lobby: Lobby, ws: WebSocket, socket: Duplex, { principal, credential, leave }: Admitted): void {
  const { deps, options, connections, keys } = lobby
  const connection = new Connection(deps, { ws, socket, principal, limited: options.messagesLimited })
  const unwatch = keys.watch(credential, principal, () => connection.close(1008, 'key_changed', 'stream.expired'))
  const detach = principal.deviceId === null ? undefined : deps.devices.attach(principal.deviceId)
  connections.add(connection)
  deps.countConnection('websocket', 1)
  ws.once('close', () => {
    leave()
    unwatch()
    detach?.()
    connections.remove(connection)
    deps.countConnection('websocket', -1)
  })
  if (deps.signal.aborted) connection.close(1001, 'shutting_down', 'stream.shutdown')
}

function turnAway(deps: HttpDeps, ws: WebSocket, failure: Failure): void {
  ws.on('error', () => {})
  ws.send(JSON.stringify(notice({ type: 'error', payload: errorPayload(failure) }, deps.now())))
  closeWebSocket(ws, closeCodeOf(failure), String(failure.details.reason ?? failure.code).toLowerCase())
}

function closeCodeOf({ code }: Failure): CloseCode {
  if (code === 'UNAUTHORIZED') return 4000
  return code === 'RATE_LIMIT_EXCEEDED' ? 4001 : 1011
}

function linesOf(headers: Record<string, string>): string[] {
  return Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
}
