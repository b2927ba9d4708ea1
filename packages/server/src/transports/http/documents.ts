import { operations } from '@nexus/contract'
import type { FastifyInstance } from 'fastify'
import { docsAssets, docsContentSecurityPolicy } from './docs-page.ts'
import { rateHeaders } from './headers.ts'
import { openApiDocument } from './openapi.ts'
import type { HttpDeps } from './ports.ts'

/** The description of the API and its page; open to all, and made once. */
export function mountDocuments(app: FastifyInstance, deps: HttpDeps, version: string): void {
  const document = JSON.stringify(openApiDocument(Object.values(operations), { version, serverUrl: '/' }))
  app.get('/openapi.json', (request, reply) =>
    reply
      .headers(rateHeaders(deps.spendAddress(request.ip, 'other')))
      .type('application/json')
      .send(document),
  )
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
