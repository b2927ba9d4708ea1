import { operations } from '@nexus/contract'
import type { FastifyInstance } from 'fastify'
import { rateHeaders } from '../headers.ts'
import type { TransportDeps } from '../ports.ts'
import { asyncApiDocument } from './asyncapi.ts'
import { docsAssets, docsContentSecurityPolicy } from './docs-page.ts'
import { openApiDocument } from './openapi.ts'

/**
 * The descriptions of the API and of its streams, and their page; open to all. Each is made for the first request for it, once.
 */
export function mountDocuments(app: FastifyInstance, deps: TransportDeps, version: string): void {
  const documents = {
    '/openapi.json': () => openApiDocument(Object.values(operations), { version, serverUrl: '/' }),
    '/asyncapi.json': () => asyncApiDocument({ version, host: '127.0.0.1:8420' }),
  }
  for (const [path, make] of Object.entries(documents)) {
    let document: string | undefined
    app.get(path, (request, reply) => {
      const headers = rateHeaders(deps.spendAddress(request.ip, 'other'))
      document ??= JSON.stringify(make())
      return reply.headers(headers).type('application/json').send(document)
    })
  }
  for (const { path, contentType, body } of docsAssets()) {
    app.get(path, (request, reply) =>
      reply
        .headers(rateHeaders(deps.spendAddress(request.ip, 'other')))
        .header('content-security-policy', docsContentSecurityPolicy)
        .type(contentType)
        .send(body),
    )
  }
}
