import { randomBytes } from 'node:crypto'
import { type IncomingMessage, request as requestPlain } from 'node:http'
import { type RequestOptions, request as requestSecure } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import type { WebhookError } from '@nexus/contract'
import { type Guard, TargetRefused } from './guard.ts'
import type { AttemptResult } from './ports.ts'
import { retryAfterMs } from './schedule.ts'

export interface PostDeps {
  guard: Guard
  now(): number
  /** How long one attempt may take, from the look-up of the name to the end of the answer. */
  timeoutMs: number
}

export interface Post {
  url: string
  /** `POST` unless told. */
  method?: string
  /** Undefined: none is sent. */
  body: string | undefined
  headers: Readonly<Record<string, string>>
  traceId: string
  /** How much of the answer is wanted; unless told, its beginning, as it is shown. */
  answerBytesMax?: number
}

export interface PostResult extends AttemptResult {
  /** `response` is all of the answer. */
  isWhole: boolean
  retryAfterMs: number
}

const answerBytesMax = 64 * 1024
const shownCharactersMax = 1024

/**
 * Sends one message, over a connection of its own to an address that was checked: what DNS says afterwards changes nothing,
 * and no redirect is followed. A 2xx is success, whatever becomes of the answer's body. Rejects only when `signal` aborts.
 */
export async function post(deps: PostDeps, message: Post, signal: AbortSignal): Promise<PostResult> {
  const deadline = AbortSignal.timeout(deps.timeoutMs)
  try {
    const target = await inTime(deps.guard.admit(message.url), deadline)
    const answer = await exchange(target, message, AbortSignal.any([deadline, signal]))
    const { statusCode, text, isWhole } = answer
    const error = errorOfStatus(statusCode)
    const retryAfter = retryAfterMs(answer.retryAfter, deps.now())
    return { error, statusCode, response: text || null, isWhole, retryAfterMs: retryAfter }
  } catch (cause) {
    if (signal.aborted) throw signal.reason
    const error = deadline.aborted ? 'timeout' : errorOf(cause)
    return { error, statusCode: null, response: null, isWhole: false, retryAfterMs: 0 }
  }
}

type Admitted = Awaited<ReturnType<Guard['admit']>>
interface Exchange {
  statusCode: number
  text: string
  isWhole: boolean
  retryAfter: string | undefined
}

/** Ends when the answer does, or all of it that is read, or the signal aborts; with a status, if one came. */
function exchange(target: Admitted, message: Post, signal: AbortSignal): Promise<Exchange> {
  const { promise, resolve, reject } = Promise.withResolvers<Exchange>()
  const bytesMax = message.answerBytesMax ?? answerBytesMax
  const request = (target.isPlain ? requestPlain : requestSecure)(target.url, optionsOf(target, message))
  const pieces: Buffer[] = []
  let bytes = 0
  let answer: IncomingMessage | undefined
  const end = (cause: Error) => {
    signal.removeEventListener('abort', onAbort)
    // Once the status has been told, nothing that follows makes a failure of it.
    if (answer) resolve(exchanged(answer, pieces, answer.complete && bytes <= bytesMax, message))
    else reject(cause)
    request.destroy()
  }
  const onAbort = () => end(new Error('aborted'))
  signal.addEventListener('abort', onAbort, { once: true })
  request.on('error', end)
  request.on('close', () => end(new Error('closed')))
  request.on('response', (response) => {
    answer = response
    response.on('data', (piece: Buffer) => {
      if (bytes < bytesMax) pieces.push(piece.subarray(0, bytesMax - bytes))
      bytes += piece.length
      if (bytes > bytesMax) end(new Error('enough'))
    })
    response.on('error', end)
    response.on('end', () => end(new Error('over')))
  })
  if (signal.aborted) onAbort()
  else request.end(message.body)
  return promise
}

function exchanged(
  { statusCode = 0, headers }: IncomingMessage,
  pieces: readonly Buffer[],
  isRead: boolean,
  { answerBytesMax: wanted }: Post,
): Exchange {
  // What is half of a character at the end is left out.
  const text = new TextDecoder().decode(Buffer.concat(pieces), { stream: !isRead }).replaceAll('\0', '\ufffd')
  const charactersMax = wanted === undefined ? shownCharactersMax : text.length
  return {
    statusCode,
    text: text.slice(0, charactersMax).toWellFormed(),
    isWhole: isRead && text.length <= charactersMax,
    retryAfter: headers['retry-after'],
  }
}

function optionsOf({ host, addresses }: Admitted, { method = 'POST', body, headers, traceId }: Post): RequestOptions {
  return {
    method,
    // No connection is kept, for the next one is to be checked anew.
    agent: false,
    lookup: pinned(addresses),
    servername: isIP(host) === 0 ? host : '',
    headers: {
      ...(body !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
      'user-agent': 'Nexus-Webhooks',
      traceparent: `00-${traceId}-${randomBytes(8).toString('hex')}-01`,
      ...headers,
    },
  }
}

/** Answers with the addresses that were checked, whatever it is asked. */
function pinned(addresses: readonly string[]): LookupFunction {
  const found = addresses.map((address) => ({ address, family: isIP(address) }))
  return (_host, { all }, done) => {
    if (all) done(null, found)
    else done(null, found[0]!.address, found[0]!.family)
  }
}

function errorOfStatus(status: number): WebhookError | null {
  if (status >= 200 && status < 300) return null
  if (status === 410) return 'gone'
  return status >= 300 && status < 400 ? 'redirect' : 'http_error'
}

const connectCodes = ['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN', 'EADDRNOTAVAIL', 'ETIMEDOUT']
const tlsCodes =
  /^(ERR_TLS_|ERR_SSL_|CERT_|CRL_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_MISMATCH|INVALID_CA|EPROTO)/

function errorOf(cause: unknown): WebhookError {
  if (cause instanceof TargetRefused) return cause.reason
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  if (connectCodes.includes(code)) return 'connect_failed'
  if (tlsCodes.test(code)) return 'tls_failed'
  return code.startsWith('HPE_') ? 'malformed_answer' : 'connection_lost'
}

/** Looking up a name has no way to be aborted, but is bounded itself. */
async function inTime<T>(asked: Promise<T>, deadline: AbortSignal): Promise<T> {
  const late = Promise.withResolvers<never>()
  const onAbort = () => late.reject(deadline.reason)
  deadline.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([asked, late.promise])
  } finally {
    deadline.removeEventListener('abort', onAbort)
  }
}
