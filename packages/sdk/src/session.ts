import type { ErrorCode, ErrorDetails } from '@nexus/contract'
import { errorTable, idleSeconds, websocketBearerPrefix, websocketPath, websocketProtocol } from './contract-data.ts'
import { NexusError } from './nexus-error.ts'
import type { ChannelMessage, Subscriber } from './subscriber.ts'

export interface SessionDeps {
  /** As of HTTP, without a path. */
  origin: string
  apiKey: string
  WebSocket: typeof WebSocket
  timeoutMs: number
}

/** The specification's ("Heartbeat/Ping-Pong"). */
const pingMs = 30_000

interface Message {
  type: string
  id?: string
  payload?: unknown
  subscription_id?: string
}

interface ErrorPayload {
  code: ErrorCode
  message: string
  details: ErrorDetails
  retry_after_seconds?: number
}

/** One WebSocket with the subscriptions on it, from its opening to its end. */
export class Session {
  readonly #ws: WebSocket
  readonly #asked = new Map<string, Subscriber>()
  readonly #subscribers = new Map<string, Subscriber>()
  readonly #onSubscribed: () => void
  readonly #ended = Promise.withResolvers<NexusError>()
  #lastError: NexusError | undefined
  #heardAt = Date.now()
  #messages = 0

  constructor({ origin, apiKey, WebSocket, timeoutMs }: SessionDeps, onSubscribed: () => void) {
    this.#onSubscribed = onSubscribed
    const bearer = websocketBearerPrefix + base64url(apiKey)
    this.#ws = new WebSocket(origin.replace(/^http/, 'ws') + websocketPath, [websocketProtocol, bearer])
    const opening = setTimeout(() => this.#giveUp(`no WebSocket within ${timeoutMs} ms`), timeoutMs)
    const pinging = setInterval(() => this.#ping(), pingMs)
    this.#ws.onopen = () => clearTimeout(opening)
    this.#ws.onmessage = ({ data }) => this.#heard(JSON.parse(data))
    this.#ws.onclose = ({ code, reason }) => {
      clearTimeout(opening)
      clearInterval(pinging)
      this.#ended.resolve(this.#lastError ?? closed(code, reason))
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
    const id = this.#say('subscribe', { channel, ...(filters && { filters }), ...(cursor && { after: cursor }) })
    this.#asked.set(id, subscriber)
  }

  unsubscribe(subscriber: Subscriber): void {
    for (const [id, asking] of this.#asked) if (asking === subscriber) this.#asked.delete(id)
    for (const [id, each] of this.#subscribers) if (each === subscriber) this.#leave(id)
  }

  /** Whether a subscription is open or asked for. */
  has(subscriber: Subscriber): boolean {
    return [...this.#asked.values(), ...this.#subscribers.values()].includes(subscriber)
  }

  close(): void {
    this.#ws.close(1000)
  }

  #heard({ type, id, payload, subscription_id, ...rest }: Message): void {
    this.#heardAt = Date.now()
    if (type === 'subscribed') this.#subscribed(id!, payload as { subscription_id: string; cursor: string })
    else if (type === 'error') this.#refused(id, payload as ErrorPayload)
    else if (subscription_id === undefined) return
    else if (type === 'stream.overflow') this.#again(subscription_id)
    else if (type === 'stream.cursor') this.#moved(subscription_id, payload as { cursor: string })
    else this.#deliver(subscription_id, { type, id, payload, subscription_id, ...rest } as ChannelMessage)
  }

  #subscribed(asked: string, { subscription_id, cursor }: { subscription_id: string; cursor: string }): void {
    this.#onSubscribed()
    const subscriber = this.#asked.get(asked)
    this.#asked.delete(asked)
    if (subscriber) {
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
    // Its reader will ask for the rest, by the cursor.
    if (subscriber.isFull) this.#leave(id)
  }

  #refused(id: string | undefined, { code, message, details, retry_after_seconds }: ErrorPayload): void {
    const status = errorTable[code].http
    const error = new NexusError(code, message, { status, details, retryAfterSeconds: retry_after_seconds })
    const subscriber = id === undefined ? undefined : this.#asked.get(id)
    if (!subscriber) this.#lastError = error
    else {
      this.#asked.delete(id!)
      subscriber.fail(error)
    }
  }

  #leave(id: string): void {
    this.#subscribers.delete(id)
    this.#say('unsubscribe', { subscription_id: id })
  }

  #ping(): void {
    if (Date.now() - this.#heardAt > idleSeconds * 1000) this.#giveUp('the server has gone silent')
    else if (this.#ws.readyState === this.#ws.OPEN) this.#say('ping')
  }

  /** Doesn't wait for an answer to the goodbye, which may never come. */
  #giveUp(why: string): void {
    this.#ws.close()
    this.#ended.resolve(noConnection(why))
  }

  #say(type: string, payload?: object): string {
    const id = `msg-${++this.#messages}`
    this.#ws.send(JSON.stringify({ type, id, timestamp: new Date().toISOString(), payload }))
    return id
  }
}

function closed(code: number, reason: string): NexusError {
  if (code === 4000)
    return new NexusError('UNAUTHORIZED', 'A valid API key is required', { status: errorTable.UNAUTHORIZED.http })
  return noConnection(`the WebSocket was closed: ${code}${reason && ` ${reason}`}`)
}

function noConnection(why: string): NexusError {
  return new NexusError('SERVICE_UNAVAILABLE', why, { status: 0, details: { reason: 'network_error' } })
}

function base64url(text: string): string {
  return btoa(text).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}
