import type { CloseCode, ErrorDetails } from '@nexus/contract'
import {
  errorTable,
  idleSeconds,
  messageBytesMax,
  websocketBearerPrefix,
  websocketPath,
  websocketProtocol,
} from './contract-data.ts'
import { codeOf, NexusError } from './nexus-error.ts'
import { type RetryPolicy, retryDelayMs } from './retry.ts'
import type { ChannelMessage, Subscriber } from './subscriber.ts'

export interface SessionDeps {
  /** As of HTTP, without a path. */
  origin: string
  apiKey: string
  WebSocket: typeof WebSocket
  timeoutMs: number
  policy: RetryPolicy
}

export interface SessionEvents {
  subscribed(): void
  /** No repetition mends it; the subscription is over. */
  refused(subscriber: Subscriber, error: NexusError): void
}

/** The specification's ("Heartbeat/Ping-Pong"). */
const pingMs = 30_000
/** What is left of a message for what it says. */
const subscribeBytesMax = messageBytesMax - 1024

/** Those before which the server says in an `error` what is wrong with the connection. */
const explained: ReadonlySet<number> = new Set<CloseCode>([1002, 1011, 4000, 4001])

interface Message {
  type: string
  id?: string
  payload?: unknown
  subscription_id?: string
}

interface ErrorPayload {
  code: unknown
  message: string
  details: ErrorDetails
  retry_after_seconds?: number
}

/** One WebSocket with the subscriptions on it, from its opening to its end. */
export class Session {
  readonly #ws: WebSocket
  readonly #asked = new Map<string, Subscriber>()
  readonly #subscribers = new Map<string, Subscriber>()
  /** Refused for now; each can be called off. */
  readonly #resting = new Map<Subscriber, AbortController>()
  readonly #policy: RetryPolicy
  readonly #events: SessionEvents
  readonly #ended = Promise.withResolvers<NexusError>()
  /** What the last message said, if it was an error of the connection itself. */
  #lastError: NexusError | undefined
  #heardAt = Date.now()
  #messages = 0

  constructor({ origin, apiKey, WebSocket, timeoutMs, policy }: SessionDeps, events: SessionEvents) {
    this.#policy = policy
    this.#events = events
    const bearer = websocketBearerPrefix + base64url(apiKey)
    this.#ws = new WebSocket(origin.replace(/^http/, 'ws') + websocketPath, [websocketProtocol, bearer])
    const opening = setTimeout(() => this.#giveUp(`no WebSocket within ${timeoutMs} ms`), timeoutMs)
    const pinging = setInterval(() => this.#ping(), pingMs)
    this.#ws.onopen = () => clearTimeout(opening)
    this.#ws.onmessage = ({ data }) => this.#take(data)
    // The close that follows says the same; where nobody listens, some implementations end the process.
    this.#ws.onerror = () => {}
    this.#ws.onclose = ({ code, reason }) => {
      clearTimeout(opening)
      clearInterval(pinging)
      this.#end((explained.has(code) && this.#lastError) || closed(code, reason))
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

  subscribe(subscriber: Subscriber): void {
    const { channel, filters, cursor } = subscriber
    const payload = { channel, ...(filters && { filters }), ...(cursor && { after: cursor }) }
    // The server would end the connection for it, with everything else that is on it.
    if (bytesOf(payload) > subscribeBytesMax) {
      this.#events.refused(subscriber, tooLarge())
      return
    }
    this.#asked.set(this.#say('subscribe', payload), subscriber)
    subscriber.isAsked = true
  }

  unsubscribe(subscriber: Subscriber): void {
    subscriber.isAsked = false
    this.#resting.get(subscriber)?.abort()
    for (const [id, asking] of this.#asked) if (asking === subscriber) this.#asked.delete(id)
    for (const [id, each] of this.#subscribers) if (each === subscriber) this.#leave(id)
  }

  close(): void {
    this.#ws.close(1000)
  }

  #take(data: unknown): void {
    this.#heardAt = Date.now()
    this.#lastError = undefined
    const message = messageOf(data)
    if (message) this.#heard(message)
    else this.#giveUp('the server sent what is no message')
  }

  #heard({ type, id, payload, subscription_id, ...rest }: Message): void {
    if (type === 'subscribed') this.#subscribed(id!, payload as { subscription_id: string; cursor: string })
    else if (type === 'error') this.#refused(id, payload as ErrorPayload)
    else if (subscription_id === undefined) return
    else if (type === 'stream.overflow') this.#again(subscription_id)
    else if (type === 'stream.cursor') this.#moved(subscription_id, payload as { cursor: string })
    else this.#deliver(subscription_id, { type, id, payload, subscription_id, ...rest } as ChannelMessage)
  }

  #subscribed(asked: string, { subscription_id, cursor }: { subscription_id: string; cursor: string }): void {
    this.#events.subscribed()
    const subscriber = this.#asked.get(asked)
    this.#asked.delete(asked)
    if (subscriber) {
      subscriber.refusals = 0
      subscriber.cursor ??= cursor
      this.#subscribers.set(subscription_id, subscriber)
    } else this.#leave(subscription_id)
  }

  #moved(id: string, { cursor }: { cursor: string }): void {
    const subscriber = this.#subscribers.get(id)
    if (subscriber) subscriber.cursor = cursor
  }

  #again(id: string): void {
    const subscriber = this.#subscribers.get(id)
    this.#subscribers.delete(id)
    if (subscriber) this.subscribe(subscriber)
  }

  #deliver(id: string, message: ChannelMessage): void {
    const subscriber = this.#subscribers.get(id)
    if (!subscriber) return
    subscriber.push(message)
    if (!subscriber.isFull) return
    // Its reader will ask for the rest, by the cursor.
    subscriber.isAsked = false
    this.#leave(id)
  }

  /** One without an id is of the connection. Those that answer what matters to nobody any more are passed over. */
  #refused(id: string | undefined, payload: ErrorPayload): void {
    const error = errorOf(payload)
    if (id === undefined) this.#lastError = error
    const subscriber = this.#asked.get(id!)
    if (!subscriber) return
    this.#asked.delete(id!)
    const delayMs = retryDelayMs({ ...this.#policy, retries: Number.POSITIVE_INFINITY }, error, subscriber.refusals++)
    if (delayMs === undefined) this.#events.refused(subscriber, error)
    else void this.#askAgain(subscriber, delayMs)
  }

  async #askAgain(subscriber: Subscriber, delayMs: number): Promise<void> {
    const rest = new AbortController()
    this.#resting.set(subscriber, rest)
    // Cut short: its reader has left, or the connection is over.
    await this.#policy.sleep(delayMs, rest.signal).catch(() => {})
    this.#resting.delete(subscriber)
    if (!rest.signal.aborted) this.subscribe(subscriber)
  }

  #leave(id: string): void {
    this.#subscribers.delete(id)
    this.#say('unsubscribe', { subscription_id: id })
  }

  #ping(): void {
    if (Date.now() - this.#heardAt > idleSeconds * 1000) this.#giveUp('the server has gone silent')
    else if (this.#ws.readyState === this.#ws.OPEN) this.#say('ping')
  }

  /** Doesn't wait for an answer to the goodbye, which may never come; what comes meanwhile is the next connection's. */
  #giveUp(why: string): void {
    this.#ws.onmessage = null
    this.#ws.close()
    this.#end(noConnection(why))
  }

  #end(error: NexusError): void {
    for (const rest of this.#resting.values()) rest.abort()
    this.#ended.resolve(error)
  }

  #say(type: string, payload?: object): string {
    const id = `msg-${++this.#messages}`
    this.#ws.send(JSON.stringify({ type, id, timestamp: new Date().toISOString(), payload }))
    return id
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

/** Nothing says which status a code has that this version does not know. */
function errorOf({ code: given, message, details, retry_after_seconds }: ErrorPayload): NexusError {
  const code = codeOf(given, errorTable.INVALID_REQUEST.http)
  const status = errorTable[code].http
  return new NexusError(code, message, { status, details, retryAfterSeconds: retry_after_seconds })
}

function closed(code: number, reason: string): NexusError {
  if (code === 4000)
    return new NexusError('UNAUTHORIZED', 'A valid API key is required', { status: errorTable.UNAUTHORIZED.http })
  return noConnection(`the WebSocket was closed: ${code}${reason && ` ${reason}`}`)
}

function noConnection(why: string): NexusError {
  return new NexusError('SERVICE_UNAVAILABLE', why, { status: 0, details: { reason: 'network_error' } })
}

function bytesOf(payload: object): number {
  return new TextEncoder().encode(JSON.stringify(payload)).length
}

function tooLarge(): NexusError {
  const issue = `must have at most ${subscribeBytesMax} bytes as JSON`
  const details = { field: 'filters', issue, reason: 'message_too_large' }
  return new NexusError('INVALID_REQUEST', issue, { status: errorTable.INVALID_REQUEST.http, details })
}

function base64url(text: string): string {
  return btoa(text).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}
