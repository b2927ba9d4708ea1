import { type IncomingMessage, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { Failure, fail } from '../../core/failure.ts'
import { requestIdOf } from './call.ts'
import { errorAnswer } from './error-answer.ts'
import { rateHeaders, securityHeaders } from './headers.ts'
import type { HttpDeps } from './ports.ts'

/** How long who was refused may take to read it and to hang up. */
const lingerMs = 2000

/** Answers what is not even HTTP, or has not come in time. */
export function refuseConnection(deps: HttpDeps, error: Error & { code?: string }, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
  answerByHand(deps, socket, connectionFailure(error.code), requestIdOf(undefined))
}

/** Answers CONNECT, which asks for a tunnel: Node hands it over as a bare connection. */
export function refuseTunnel(deps: HttpDeps, request: IncomingMessage, socket: Duplex): void {
  const failure = fail(
    'INVALID_REQUEST',
    { field: 'method', issue: 'is not allowed here: no tunnel is opened' },
    { http: 405 },
  )
  answerByHand(deps, socket, failure, requestIdOf(request.headers['x-request-id']))
}

/** Answers what asks for a WebSocket but is no handshake of one (RFC 6455, 4.2.1). */
export function refuseUpgrade(deps: HttpDeps, error: Error, socket: Duplex, { headers }: IncomingMessage): void {
  const failure =
    error instanceof Failure
      ? error
      : fail('INVALID_REQUEST', { field: 'request', issue: `is no WebSocket handshake: ${error.message}` })
  answerByHand(deps, socket, failure, requestIdOf(headers['x-request-id']))
}

function connectionFailure(code: string | undefined): Failure {
  const refusal = (issue: string, http: number) => fail('INVALID_REQUEST', { field: 'request', issue }, { http })
  switch (code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return refusal('took too long to arrive', 408)
    case 'HPE_HEADER_OVERFLOW':
      return refusal('has headers that are too large', 431)
    default:
      return refusal('is not valid HTTP', 400)
  }
}

/** There is no reply to write to. What still comes in is thrown away, so that closing doesn't tear the answer up. */
function answerByHand(
  deps: HttpDeps,
  socket: Duplex & { remoteAddress?: string },
  failure: Failure,
  requestId: string,
) {
  const { status, body } = errorAnswer(failure, requestId, deps.now())
  const text = JSON.stringify(body)
  const headers = {
    ...securityHeaders,
    ...rateHeaders(deps.spendAddress(socket.remoteAddress ?? '', 'other')),
    'x-request-id': requestId,
    ...(status === 405 && { allow: '' }),
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    connection: 'close',
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  const cut = setTimeout(() => socket.destroy(), lingerMs)
  socket.on('error', () => socket.destroy())
  socket.on('close', () => clearTimeout(cut))
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('\r\n')}\r\n\r\n${text}`)
  socket.resume()
}
