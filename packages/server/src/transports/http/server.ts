import { STATUS_CODES } from 'node:http'
import type { Server } from 'node:https'
import type { Socket } from 'node:net'
import { type OperationId, operations } from '@nexus/contract'
import Fastify, {
  type FastifyHttpsOptions,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type FastifyServerOptions,
} from 'fastify'
import { fail } from '../../core/failure.ts'
import { authorise } from '../../core/invoke.ts'
import { identify, spendOrRefuse } from './admit.ts'
import { answerFailure } from './answer-failure.ts'
import { BodyBudget } from './body-budget.ts'
import { requestIdOf } from './call.ts'
import { mountDocuments } from './documents.ts'
import { errorAnswer } from './error-answer.ts'
import { openFrameLane } from './frame-lane.ts'
import { securityHeaders } from './headers.ts'
import { ingestOperations, mountIngest } from './ingest.ts'
import { mountOperations, splitRoute } from './mount.ts'
import type { HttpDeps } from './ports.ts'
import { mountSystem } from './system.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    operation?: OperationId
  }
}

export interface HttpOptions {
  headersTimeoutMs: number
  requestTimeoutMs: number
  tls: { cert: string; key: string } | undefined
  /** Of Nexus, as its API's description shows it. */
  version: string
}

const urlLengthMax = 64 * 1024
const keepAliveMs = 65_000
const bodiesBytesMax = 256 * 1024 * 1024

/** The HTTP server with every route of the contract; it does not listen yet. */
export function createHttpServer(deps: HttpDeps, options: HttpOptions): FastifyInstance {
  const app = open(deps, options)
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  addHooks(app, deps)
  app.setErrorHandler((error, request, reply) => answerError(deps, error, request, reply))
  app.setNotFoundHandler((request, reply) => {
    spendOrRefuse(deps.spendAddress(request.ip, 'other'), reply, deps.now())
    throw notFound(request, reply)
  })
  mountIngest(app, deps)
  mountOperations(app, deps, ingestOperations)
  mountSystem(app, deps)
  mountDocuments(app, deps, options.version)
  openFrameLane(app, deps, {
    event: options.tls ? 'secureConnection' : 'connection',
    silentMs: options.headersTimeoutMs,
    idleMs: keepAliveMs,
    refuse: (error, socket) => refuseConnection(deps, error, socket),
  })
  return app
}

function open(deps: HttpDeps, { headersTimeoutMs, requestTimeoutMs, tls }: HttpOptions): FastifyInstance {
  const common: FastifyServerOptions = {
    genReqId: (request) => requestIdOf(request.headers['x-request-id']),
    requestIdHeader: false,
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: keepAliveMs,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    routerOptions: { maxParamLength: 1024 },
    clientErrorHandler: (error, socket) => refuseConnection(deps, error, socket),
    frameworkErrors: (error, request, reply) => void answerError(deps, error, request, reply as FastifyReply),
  }
  const http = {
    headersTimeout: headersTimeoutMs,
    maxHeaderSize: urlLengthMax + 16 * 1024,
    connectionsCheckingInterval: 1000,
  }
  if (tls === undefined) return Fastify({ ...common, http })
  const secure: FastifyHttpsOptions<Server> = {
    ...(common as object),
    https: { ...http, ...tls, minVersion: 'TLSv1.3' },
  }
  return Fastify(secure) as unknown as FastifyInstance
}

/** What happens around every request. Bodies take memory before anything knows whether they are worth it: see the budget. */
function addHooks(app: FastifyInstance, deps: HttpDeps): void {
  const budget = new BodyBudget(bodiesBytesMax)
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers(securityHeaders)
    reply.header('x-request-id', request.id)
    if (!budget.counts(request)) return done()
    // A large body is let in only for who may send it: else strangers could use the budget up.
    const tooMany = () => fail('SERVICE_UNAVAILABLE', { reason: 'too_many_bodies' }, { retryAfterSeconds: 1 })
    mayCall(deps, request).then(() => done(budget.take(request) ? undefined : tooMany()), done)
  })
  app.addHook('onResponse', (request, reply, done) => {
    budget.give(request)
    deps.observe(request.routeOptions.config.operation ?? 'none', reply.statusCode, reply.elapsedTime / 1000)
    done()
  })
  app.addHook('onRequestAbort', (request, done) => {
    budget.give(request)
    done()
  })
}

async function mayCall(deps: HttpDeps, request: FastifyRequest): Promise<void> {
  const { operation } = request.routeOptions.config
  if (operation === undefined) return
  authorise(operations[operation], await identify(deps, request))
}

function answerError(deps: HttpDeps, thrown: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { status, body } = answerFailure(deps, thrown, request, reply)
  reply.headers(securityHeaders).header('x-request-id', request.id)
  return reply.status(status).type('application/json').send(body)
}

/** A path that is known under other methods answers 405 and names them. */
function notFound(request: FastifyRequest, reply: FastifyReply) {
  const path = request.url.split('?', 1)[0]!
  const allowed = routes.filter(({ matches }) => matches.test(path)).map(({ method }) => method)
  if (allowed.length === 0) return fail('NOT_FOUND', { field: 'path', issue: 'there is no such path' })
  const allow = [...new Set(allowed)].join(', ')
  reply.header('allow', allow)
  return fail('INVALID_REQUEST', { field: 'method', issue: `is not allowed here: expected ${allow}` }, { http: 405 })
}

const routes = Object.values(operations)
  .flatMap((operation) => operation.http.map(splitRoute))
  .map(({ method, url }) => ({ method, matches: new RegExp(`^${url.replaceAll(/:\w+/g, '[^/]+')}/?$`) }))

/** What is not even HTTP: answered by hand, for there is no request. */
function refuseConnection(deps: HttpDeps, error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
  const requestId = requestIdOf(undefined)
  const late = error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
  const large = error.code === 'HPE_HEADER_OVERFLOW'
  const issue = late ? 'took too long to arrive' : large ? 'has headers that are too large' : 'is not valid HTTP'
  const http = late ? 408 : large ? 431 : 400
  const { body } = errorAnswer(fail('INVALID_REQUEST', { field: 'request', issue }), requestId, deps.now())
  const text = JSON.stringify(body)
  const status = deps.spendAddress(socket.remoteAddress ?? '', 'other')
  const headers = {
    ...securityHeaders,
    'x-request-id': requestId,
    'x-ratelimit-limit': status.limit,
    'x-ratelimit-remaining': status.remaining,
    'x-ratelimit-reset': status.reset,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    connection: 'close',
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  socket.end(`HTTP/1.1 ${http} ${STATUS_CODES[http]}\r\n${lines.join('\r\n')}\r\n\r\n${text}`)
}
