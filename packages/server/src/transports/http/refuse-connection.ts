import { type IncomingMessage, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { Failure, fail } from '../../core/failure.ts'
import { requestIdOf } from '../call.ts'
import { errorAnswer } from '../error-answer.ts'
import { rateHeaders, securityHeaders } from '../headers.ts'
import type { TransportDeps } from '../ports.ts'

/** How long who was refused may take to read it and to hang up. */
const lingerMs = 2000
const websocketVersion = '13'

/** Answers what is not even HTTP, or has not come in time. */
export function refuseConnection(deps: TransportDeps, error: Error & { code?: string }, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
  answerByHand(deps, socket, connectionFailure(error.code), requestIdOf(undefined))
}

/** Answers CONNECT, which asks for a tunnel: Node hands it over as a bare connection. */
export function refuseTunnel(deps: TransportDeps, request: IncomingMessage, socket: Duplex): void {
  const failure = fail(
    'INVALID_REQUEST',
    { field: 'method', issue: 'is not allowed here: no tunnel is opened' },
    { http: 405 },
  )
  answerByHand(deps, socket, failure, requestIdOf(request.headers['x-request-id']))
}

/** Answers what asks for a WebSocket but is no handshake of one (RFC 6455, 4.2.1 and 4.2.2). */
export function refuseUpgrade(deps: TransportDeps, error: Error, socket: Duplex, { headers }: IncomingMessage): void {
  const requestId = requestIdOf(headers['x-request-id'])
  const version = headers['sec-websocket-version']
  if (error instanceof Failure) answerByHand(deps, socket, error, requestId)
  else if (version === undefined || version === websocketVersion)
    answerByHand(deps, socket, noHandshake('request', `is no WebSocket handshake: ${error.message}`, 400), requestId)
  else {
    const failure = noHandshake('Sec-WebSocket-Version', `is not spoken here: expected ${websocketVersion}`, 426)
    answerByHand(deps, socket, failure, requestId, { upgrade: 'websocket', 'sec-websocket-version': websocketVersion })
  }
}

function noHandshake(field: string, issue: string, http: number): Failure {
  return fail('INVALID_REQUEST', { field, issue }, { http })
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
  deps: TransportDeps,
  socket: Duplex & { remoteAddress?: string },
  failure: Failure,
  requestId: string,
  more: Record<string, string> = {},
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
    ...more,
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  const cut = setTimeout(() => socket.destroy(), lingerMs)
  socket.on('error', () => socket.destroy())
  socket.on('close', () => clearTimeout(cut))
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('\r\n')}\r\n\r\n${text}`)
  socket.resume()
}
