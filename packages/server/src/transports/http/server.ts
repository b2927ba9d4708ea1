import type { IncomingMessage } from 'node:http'
import type { Server } from 'node:https'
import { type OperationId, operations } from '@nexus/contract'
import Fastify, {
  type FastifyHttpsOptions,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type FastifyServerOptions,
} from 'fastify'
import { type Failure, fail } from '../../core/failure.ts'
import { authorise } from '../../core/invoke.ts'
import { identify } from '../admit.ts'
import { requestIdOf } from '../call.ts'
import { rateHeaders, securityHeaders } from '../headers.ts'
import { InTurn } from '../in-turn.ts'
import type { TransportDeps } from '../ports.ts'
import { answerFailure } from './answer-failure.ts'
import { BodyBudget } from './body-budget.ts'
import { type CorsOrigins, corsHeaders, preflightAnswer } from './cors.ts'
import { mountDocuments } from './documents.ts'
import { openFrameLane } from './frame-lane.ts'
import { ingestOperations, mountIngest } from './ingest.ts'
import { mountOperations } from './mount.ts'
import { refuseConnection, refuseTunnel } from './refuse-connection.ts'
import { headFault } from './request-head.ts'
import { mountSystem } from './system.ts'
import { createUnknownRoute } from './unknown-route.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    operation?: OperationId
  }
}

export interface HttpOptions {
  headersTimeoutMs: number
  requestTimeoutMs: number
  tls: { cert: string; key: string } | undefined
  corsOrigins: CorsOrigins
  /** Of Nexus, as its API's description shows it. */
  version: string
  /** Which requests to upgrade are passed on as such; every other is answered as if it had not asked. */
  upgrades(request: IncomingMessage): boolean
  /** Adds what is not of HTTP alone, before the server listens. */
  mount(app: FastifyInstance, inTurn: InTurn): void
}

const urlLengthMax = 64 * 1024
/** An id of 128 characters, each of four bytes that are escaped. */
const paramLengthMax = 128 * 4 * 3
const keepAliveMs = 65_000
const bodiesBytesMax = 256 * 1024 * 1024

/** The HTTP server with every route of the contract; it does not listen yet. */
export function createHttpServer(deps: TransportDeps, options: HttpOptions): FastifyInstance {
  const app = open(deps, options)
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  const inTurn = new InTurn()
  addHooks(app, deps, options, inTurn)
  app.setErrorHandler((error, request, reply) => answerError(deps, options, error, request, reply))
  // Node answers an expectation that it doesn't know with a bare 417, and hangs up on CONNECT.
  app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response))
  app.server.on('connect', (request, socket) => refuseTunnel(deps, request, socket))
  mountIngest(app, deps)
  mountOperations(app, deps, ingestOperations)
  options.mount(app, inTurn)
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

function open(deps: TransportDeps, options: HttpOptions): FastifyInstance {
  const { headersTimeoutMs, requestTimeoutMs, tls, upgrades } = options
  const common: FastifyServerOptions = {
    genReqId: (request) => requestIdOf(request.headers['x-request-id']),
    requestIdHeader: false,
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: keepAliveMs,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    routerOptions: { maxParamLength: paramLengthMax },
    clientErrorHandler: (error, socket) => refuseConnection(deps, error, socket),
    frameworkErrors: (error, request, reply) => void answerError(deps, options, error, request, reply as FastifyReply),
  }
  const http = {
    headersTimeout: headersTimeoutMs,
    requireHostHeader: false,
    maxHeaderSize: urlLengthMax + 16 * 1024,
    connectionsCheckingInterval: 1000,
    shouldUpgradeCallback: upgrades,
  }
  if (tls === undefined) return Fastify({ ...common, http })
  const secure: FastifyHttpsOptions<Server> = {
    ...(common as object),
    https: { ...http, ...tls, minVersion: 'TLSv1.3' },
  }
  return Fastify(secure) as unknown as FastifyInstance
}

/** What happens around every request. Bodies take memory before anything knows whether they are worth it: see the budget. */
function addHooks(app: FastifyInstance, deps: TransportDeps, options: HttpOptions, inTurn: InTurn): void {
  const budget = new BodyBudget(bodiesBytesMax)
  const unknownRoute = createUnknownRoute(app)
  app.addHook('onRequest', (request, reply, done) => inTurn.take(request.raw, reply.raw, done))
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers(headersOfEvery(request, options))
    const fault = headFault(request.raw)
    if (fault) return done(hangUp(reply, fault))
    const preflight = preflightAnswer(options.corsOrigins, request.raw)
    // Browsers send it without a key. Like a probe it is never refused by the limit, for the page's own call would be.
    if (preflight) {
      const limit = rateHeaders(deps.spendAddress(request.ip, 'other'))
      return void reply
        .status(204)
        .headers({ ...limit, ...preflight })
        .send()
    }
    if (request.is404) return done(unknownRoute(request, reply))
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

/** The body of such a request may come or not, so that nobody knows where the next one would begin. */
function hangUp(reply: FastifyReply, failure: Failure): Failure {
  reply.header('connection', 'close')
  return failure
}

async function mayCall(deps: TransportDeps, request: FastifyRequest): Promise<void> {
  const { operation } = request.routeOptions.config
  if (operation === undefined) return
  authorise(operations[operation], await identify(deps, request))
}

function headersOfEvery(request: FastifyRequest, { corsOrigins }: HttpOptions): Record<string, string> {
  return { ...securityHeaders, ...corsHeaders(corsOrigins, request.raw), 'x-request-id': request.id }
}

function answerError(
  deps: TransportDeps,
  options: HttpOptions,
  thrown: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const { id, headers, ip, socket, method, url, routeOptions } = request
  const call = { id, headers, ip, socket, method, url, bodyBytesMax: routeOptions.bodyLimit }
  const { status, body } = answerFailure(deps, thrown, call, reply)
  return reply.headers(headersOfEvery(request, options)).status(status).type('application/json').send(body)
}
