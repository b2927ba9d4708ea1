import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type Failure, fail } from '../../core/failure.ts'

/**
 * Tells a path that is known under other methods (405, with them in `Allow`) from one that is not (404). To be made before
 * the routes that it is to know.
 */
export function createUnknownRoute(app: FastifyInstance): (request: FastifyRequest, reply: FastifyReply) => Failure {
  const routes: { methods: readonly string[]; path: RegExp }[] = []
  app.addHook('onRoute', ({ method, url }) => {
    routes.push({ methods: [method].flat(), path: pathPattern(url) })
  })
  return (request, reply) => {
    const path = request.url.split('?', 1)[0]!
    const methods = new Set(routes.filter((route) => route.path.test(path)).flatMap((route) => route.methods))
    if (methods.size === 0) return fail('NOT_FOUND', { field: 'path', issue: 'there is no such path: see /docs' })
    const allow = [...methods].join(', ')
    reply.header('allow', allow)
    return fail('INVALID_REQUEST', { field: 'method', issue: `is not allowed here: expected ${allow}` }, { http: 405 })
  }
}

/** `/v1/auth/keys/:key_id` as a pattern of paths. */
function pathPattern(url: string): RegExp {
  const parts = url.split('/').map((part) => (part.startsWith(':') ? '[^/]+' : part.replaceAll('.', '\\.')))
  return new RegExp(`^${parts.join('/')}$`)
}
