import type { CloseCode, ErrorDetails } from '@nexus/contract'
import { errorTable, idleSeconds, websocketBearerPrefix, websocketPath, websocketProtocol } from './contract-data.ts'
import { codeOf, NexusError } from './nexus-error.ts'

export interface SocketDeps {
  /** As of HTTP, without a path. */
  origin: string
  apiKey: string
  WebSocket: typeof WebSocket
  timeoutMs: number
}

/** What the server says. */
export interface Message {
  type: string
  id?: string
  payload?: unknown
  subscription_id?: string
}

export interface ErrorPayload {
  code: unknown
  message: string
  details: ErrorDetails
  retry_after_seconds?: number
}

/** The specification's ("Heartbeat/Ping-Pong"). */
const pingMs = 30_000

/** Those before which the server says in an `error` what is wrong with the connection. */
const explained: ReadonlySet<number> = new Set<CloseCode>([1002, 1011, 4000, 4001])

/** One WebSocket, from its opening to its end; it asks by itself whether the server is there. */
export class Socket {
  readonly #ws: WebSocket
  readonly #heard: (message: Message) => void
  readonly #ended = Promise.withResolvers<NexusError>()
  /** What the last message said, if it was an error of the connection itself. */
  #lastError: NexusError | undefined
  #heardAt = Date.now()
  #messages = 0

  /** Errors: INVALID_REQUEST (no WebSocket can be made). */
  constructor({ origin, apiKey, WebSocket, timeoutMs }: SocketDeps, heard: (message: Message) => void) {
    this.#heard = heard
    this.#ws = made(() => {
      const bearer = websocketBearerPrefix + base64url(apiKey)
      return new WebSocket(origin.replace(/^http/, 'ws') + websocketPath, [websocketProtocol, bearer])
    })
    const opening = setTimeout(() => this.giveUp(noConnection(`no WebSocket within ${timeoutMs} ms`)), timeoutMs)
    const pinging = setInterval(() => this.#ping(), pingMs)
    this.#ws.onopen = () => clearTimeout(opening)
    this.#ws.onmessage = ({ data }) => this.#take(data)
    // The close that follows says the same; where nobody listens, some implementations end the process.
    this.#ws.onerror = () => {}
    this.#ws.onclose = ({ code, reason }) => {
      clearTimeout(opening)
      clearInterval(pinging)
      this.#ended.resolve((explained.has(code) && this.#lastError) || closed(code, reason))
    }
  }

  /** Resolves when it is over, with the reason. */
  get ended(): Promise<NexusError> {
    return this.#ended.promise
  }

  /** Resolves once messages can be sent; never if it can't be opened. */
  get opened(): Promise<void> {
    if (this.#ws.readyState === this.#ws.OPEN) return Promise.resolve()
    return new Promise((resolve) => this.#ws.addEventListener('open', () => resolve(), { once: true }))
  }

  /** Sends a message; returns the id under which it is answered. */
  say(type: string, payload?: object): string {
    const id = `msg-${++this.#messages}`
    this.#ws.send(JSON.stringify({ type, id, timestamp: new Date().toISOString(), payload }))
    return id
  }

  close(): void {
    this.#ws.close(1000)
  }

  /** Doesn't wait for an answer to the goodbye, which may never come; what comes meanwhile is the next connection's. */
  giveUp(why: NexusError): void {
    this.#ws.onmessage = null
    this.#ws.close()
    this.#ended.resolve(why)
  }

  #take(data: unknown): void {
    this.#heardAt = Date.now()
    this.#lastError = undefined
    const message = messageOf(data)
    if (!message) {
      this.giveUp(noConnection('the server sent what is no message'))
      return
    }
    if (message.type === 'error' && message.id === undefined)
      this.#lastError = refusalOf(message.payload as ErrorPayload)
    this.#heard(message)
  }

  #ping(): void {
    if (Date.now() - this.#heardAt > idleSeconds * 1000) this.giveUp(noConnection('the server has gone silent'))
    else if (this.#ws.readyState === this.#ws.OPEN) this.say('ping')
  }
}

/** What an `error` says. Nothing says which status a code has that this version does not know. */
export function refusalOf({ code: given, message, details, retry_after_seconds }: ErrorPayload): NexusError {
  const code = codeOf(given, errorTable.INVALID_REQUEST.http)
  const status = errorTable[code].http
  return new NexusError(code, message, { status, details, retryAfterSeconds: retry_after_seconds })
}

export function noConnection(why: string): NexusError {
  return new NexusError('SERVICE_UNAVAILABLE', why, { status: 0, details: { reason: 'network_error' } })
}

/** How many bytes it takes in a message. */
export function bytesOf(payload: unknown): number {
  return new TextEncoder().encode(JSON.stringify(payload)).length
}

function made(make: () => WebSocket): WebSocket {
  try {
    return make()
  } catch (cause) {
    const message = `no WebSocket can be made: ${(cause as Error).message}`
    throw new NexusError('INVALID_REQUEST', message, { status: 400, cause })
  }
}

/** Undefined: it is none. */
function messageOf(data: unknown): Message | undefined {
  try {
    const message = JSON.parse(data as string)
    return typeof message?.type === 'string' ? message : undefined
  } catch {
    return undefined
  }
}

function closed(code: number, reason: string): NexusError {
  if (code === 4000)
    return new NexusError('UNAUTHORIZED', 'A valid API key is required', { status: errorTable.UNAUTHORIZED.http })
  return noConnection(`the WebSocket was closed: ${code}${reason && ` ${reason}`}`)
}

function base64url(text: string): string {
  return btoa(text).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}
