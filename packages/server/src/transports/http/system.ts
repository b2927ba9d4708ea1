import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { rateHeaders } from '../headers.ts'
import type { TransportDeps } from '../ports.ts'

/** What needs no key: is it alive, is it ready, how is it doing. Probes are never refused by a rate limit. */
export function mountSystem(app: FastifyInstance, deps: TransportDeps): void {
  const open = (handler: (reply: FastifyReply) => unknown) => (request: FastifyRequest, reply: FastifyReply) => {
    reply.headers(rateHeaders(deps.spendAddress(request.ip, 'other')))
    return handler(reply)
  }
  app.get(
    '/healthz',
    open((reply) => reply.send({ status: 'ok' })),
  )
  app.get(
    '/readyz',
    open((reply) => reply.status(deps.ready() ? 200 : 503).send({ status: deps.ready() ? 'ready' : 'not_ready' })),
  )
  app.get(
    '/metrics',
    open(async (reply) => {
      const { contentType, text } = await deps.metrics()
      return reply.type(contentType).send(text)
    }),
  )
}
