import type { FastifyInstance } from 'fastify'
import { createHttpServer, type HttpOptions } from './http/server.ts'
import type { TransportDeps } from './ports.ts'
import { mountEventStreams } from './sse/mount-event-stream.ts'
import { asksForWebSocket, openWebSockets, type WebSocketOptions } from './ws/server.ts'

export interface ServerOptions extends Omit<HttpOptions, 'upgrades' | 'mount'>, Omit<WebSocketOptions, 'inTurn'> {
  /** How many event streams a key may have at a time. */
  streamsPerKey: number
}

/** The one port with everything that is spoken on it; it does not listen yet. */
export function createServer(deps: TransportDeps, options: ServerOptions): FastifyInstance {
  return createHttpServer(deps, {
    ...options,
    upgrades: asksForWebSocket,
    mount(app, inTurn) {
      mountEventStreams(app, deps, options.streamsPerKey)
      openWebSockets(app, deps, { ...options, inTurn })
    },
  })
}
