import type { NexusError } from './nexus-error.ts'
import { retryDelayMs } from './retry.ts'
import { Session, type SessionDeps, type SessionEvents } from './session.ts'
import type { Subscriber } from './subscriber.ts'

/**
 * The one WebSocket of a client: there as long as something is subscribed to. One that breaks is made again, after waits
 * that grow as the retry policy says, and every subscription goes on behind its cursor.
 */
export class Link {
  readonly #deps: SessionDeps
  readonly #subscribers = new Set<Subscriber>()
  #session: Session | undefined
  /** Ends the wait between two connections. */
  #rest: AbortController | undefined
  #running = false

  constructor(deps: SessionDeps) {
    this.#deps = deps
  }

  add(subscriber: Subscriber): void {
    this.#subscribers.add(subscriber)
    this.#session?.subscribe(subscriber)
    if (!this.#running) void this.#run()
  }

  /** Asks for what the server was told to hold back. */
  resume(subscriber: Subscriber): void {
    if (this.#subscribers.has(subscriber) && !subscriber.isAsked) this.#session?.subscribe(subscriber)
  }

  /** Nothing more is asked for; one that was removed already stays so. */
  remove(subscriber: Subscriber): void {
    if (!this.#subscribers.delete(subscriber)) return
    this.#session?.unsubscribe(subscriber)
    if (this.#subscribers.size > 0) return
    this.#session?.close()
    this.#rest?.abort()
  }

  async #run(): Promise<void> {
    this.#running = true
    for (let failures = 0; this.#subscribers.size > 0; failures++) {
      const error = await this.#connect({
        subscribed: () => {
          failures = 0
        },
        refused: (subscriber, error) => {
          subscriber.fail(error)
          this.remove(subscriber)
        },
      })
      if (this.#subscribers.size > 0 && !(await this.#pause(error, failures))) {
        for (const subscriber of this.#subscribers) subscriber.fail(error)
        this.#subscribers.clear()
      }
    }
    this.#running = false
  }

  /** Resolves when the connection is over, with the reason. */
  async #connect(events: SessionEvents): Promise<NexusError> {
    let session: Session
    try {
      session = new Session(this.#deps, events)
    } catch (error) {
      return error as NexusError
    }
    void session.opened.then(() => this.#begin(session))
    const error = await session.ended
    this.#session = undefined
    return error
  }

  /** False: no repetition mends it. */
  async #pause(error: NexusError, failures: number): Promise<boolean> {
    const { policy } = this.#deps
    const delayMs = retryDelayMs({ ...policy, retries: Number.POSITIVE_INFINITY }, error, failures)
    if (delayMs === undefined) return false
    this.#rest = new AbortController()
    // Nobody waits any more when it is cut short.
    await policy.sleep(delayMs, this.#rest.signal).catch(() => {})
    return true
  }

  #begin(session: Session): void {
    this.#session = session
    for (const subscriber of this.#subscribers) session.subscribe(subscriber)
    if (this.#subscribers.size === 0) session.close()
  }
}
