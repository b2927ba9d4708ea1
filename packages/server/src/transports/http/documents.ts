import { operations } from '@nexus/contract'
import type { FastifyInstance } from 'fastify'
import { rateHeaders } from '../headers.ts'
import type { TransportDeps } from '../ports.ts'
import { asyncApiDocument } from './asyncapi.ts'
import { docsAssets, docsContentSecurityPolicy } from './docs-page.ts'
import { openApiDocument } from './openapi.ts'

/** The descriptions of the API and of its streams, and their page; open to all, and made once. */
export function mountDocuments(app: FastifyInstance, deps: TransportDeps, version: string): void {
  const openApi = JSON.stringify(openApiDocument(Object.values(operations), { version, serverUrl: '/' }))
  const asyncApi = JSON.stringify(asyncApiDocument({ version, host: '127.0.0.1:8420' }))
  for (const [path, document] of [
    ['/openapi.json', openApi],
    ['/asyncapi.json', asyncApi],
  ] as const) {
    app.get(path, (request, reply) =>
      reply
        .headers(rateHeaders(deps.spendAddress(request.ip, 'other')))
        .type('application/json')
        .send(document),
    )
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
