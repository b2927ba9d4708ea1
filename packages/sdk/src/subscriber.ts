import type { Channel, EventMessage } from '@nexus/contract'

/** What a subscription brings: events, and that some of them are lost; after that it goes on. */
export type ChannelMessage =
  | EventMessage
  | { type: 'stream.gap'; id: string; timestamp: string; payload: { requested: string; first_available: string } }

/** How much may wait for its reader before the server is asked to send no more for now. */
const waitingMax = 10_000

/** One subscription as its reader sees it, over however many connections it takes. */
export class Subscriber {
  readonly channel: Channel
  readonly filters: Record<string, unknown> | undefined
  /** The last message that came; what the next connection goes on behind. */
  cursor: string | undefined
  /** Whether the server was asked for it, on the connection that is there: it need not be asked again. */
  isAsked = false
  /** How often it was refused since it was last open. */
  refusals = 0
  readonly #waiting: ChannelMessage[] = []
  #end: { error: unknown } | 'left' | undefined
  readonly #sleeping: (() => void)[] = []

  constructor(channel: Channel, filters: Record<string, unknown> | undefined, after: string | undefined) {
    this.channel = channel
    this.filters = filters
    this.cursor = after
  }

  get isFull(): boolean {
    return this.#waiting.length >= waitingMax
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0
  }

  push(message: ChannelMessage): void {
    if ('cursor' in message) this.cursor = message.cursor
    this.#waiting.push(message)
    this.#wake()
  }

  /** What nothing mends: its reader is given what waits, and then this. */
  fail(error: unknown): void {
    this.#end ??= { error }
    this.#wake()
  }

  /** Its reader wants no more: it is given this at once. */
  abort(reason: unknown): void {
    this.#waiting.length = 0
    this.fail(reason)
  }

  /** Its reader has left: nothing more is given. */
  end(): void {
    this.#end = 'left'
    this.#waiting.length = 0
    this.#wake()
  }

  /** The next message; waits for one. Undefined: there will be none. */
  async next(): Promise<ChannelMessage | undefined> {
    while (this.#waiting.length === 0 && this.#end === undefined) {
      await new Promise<void>((resolve) => this.#sleeping.push(resolve))
    }
    if (this.#waiting.length > 0) return this.#waiting.shift()
    if (this.#end === 'left') return undefined
    const { error } = this.#end as { error: unknown }
    this.#end = 'left'
    throw error
  }

  #wake(): void {
    for (const resolve of this.#sleeping.splice(0)) resolve()
  }
}
