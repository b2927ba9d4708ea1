import { errorTable, messageBytesMax } from './contract-data.ts'
import { NexusError } from './nexus-error.ts'
import { type RetryPolicy, retryDelayMs } from './retry.ts'
import { bytesOf, type ErrorPayload, type Message, refusalOf, Socket, type SocketDeps } from './socket.ts'
import type { ChannelMessage, Subscriber } from './subscriber.ts'

export interface SessionDeps extends SocketDeps {
  policy: RetryPolicy
}

export interface SessionEvents {
  subscribed(): void
  /** No repetition mends it; the subscription is over. */
  refused(subscriber: Subscriber, error: NexusError): void
}

/** What is left of a message for what it says. */
const subscribeBytesMax = messageBytesMax - 1024

/** One WebSocket with the subscriptions on it, from its opening to its end. */
export class Session {
  readonly #socket: Socket
  readonly #asked = new Map<string, Subscriber>()
  readonly #subscribers = new Map<string, Subscriber>()
  /** Refused for now; each can be called off. */
  readonly #resting = new Map<Subscriber, AbortController>()
  readonly #policy: RetryPolicy
  readonly #events: SessionEvents

  /** Errors: INVALID_REQUEST (no WebSocket can be made). */
  constructor(deps: SessionDeps, events: SessionEvents) {
    this.#policy = deps.policy
    this.#events = events
    this.#socket = new Socket(deps, (message) => this.#heard(message))
    void this.ended.then(() => {
      for (const rest of this.#resting.values()) rest.abort()
    })
  }

  /** Resolves when it is over, with the reason. */
  get ended(): Promise<NexusError> {
    return this.#socket.ended
  }

  /** Resolves once messages can be sent; never if it can't be opened. */
  get opened(): Promise<void> {
    return this.#socket.opened
  }

  subscribe(subscriber: Subscriber): void {
    const { channel, filters, cursor } = subscriber
    const payload = { channel, ...(filters && { filters }), ...(cursor && { after: cursor }) }
    // The server would end the connection for it, with everything else that is on it.
    if (bytesOf(payload) > subscribeBytesMax) {
      this.#events.refused(subscriber, tooLarge())
      return
    }
    this.#asked.set(this.#socket.say('subscribe', payload), subscriber)
    subscriber.isAsked = true
  }

  unsubscribe(subscriber: Subscriber): void {
    subscriber.isAsked = false
    this.#resting.get(subscriber)?.abort()
    for (const [id, asking] of this.#asked) if (asking === subscriber) this.#asked.delete(id)
    for (const [id, each] of this.#subscribers) if (each === subscriber) this.#leave(id)
  }

  close(): void {
    this.#socket.close()
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

  /** Those of the connection, and those that answer what matters to nobody any more, are passed over. */
  #refused(id: string | undefined, payload: ErrorPayload): void {
    const subscriber = this.#asked.get(id!)
    if (!subscriber) return
    this.#asked.delete(id!)
    const error = refusalOf(payload)
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
    this.#socket.say('unsubscribe', { subscription_id: id })
  }
}

function tooLarge(): NexusError {
  const issue = `must have at most ${subscribeBytesMax} bytes as JSON`
  const details = { field: 'filters', issue, reason: 'message_too_large' }
  return new NexusError('INVALID_REQUEST', issue, { status: errorTable.INVALID_REQUEST.http, details })
}
