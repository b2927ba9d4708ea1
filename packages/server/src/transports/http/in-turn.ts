import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { onRequestHookHandler } from 'fastify'

/**
 * Serves the requests of a connection one after the other: the next begins once the answer before it has gone out. What
 * a client sends in one go takes effect in its order, and one that doesn't read holds one answer in memory, not all.
 */
export function createInTurn(): onRequestHookHandler {
  const latest = new WeakMap<Socket, ServerResponse>()
  return (request, reply, done) => {
    const { socket } = request.raw
    const before = latest.get(socket)
    latest.set(socket, reply.raw)
    if (before === undefined || before.closed) return done()
    before.once('close', () => done())
  }
}
