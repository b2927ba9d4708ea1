import { type Events, idOf, type LoggedEvent, type Subscription } from '../../events/index.ts'
import { createJoin } from '../join.ts'
import { pump, type StreamTarget } from '../stream-pump.ts'
import type { Outbox } from './outbox.ts'
import { eventFrame, noticeFrame } from './render.ts'

/** Whose subscriptions they are; an object that is there anyway, for there are many connections. */
export interface SubscriptionsOwner {
  readonly events: Pick<Events, 'stream'>
  readonly outbox: Outbox
  now(): number
  /** Something failed that should not have. */
  onBug(cause: unknown): void
}

interface Home {
  readonly owner: SubscriptionsOwner
  end(id: string): void
}

const joinFrames = createJoin(eventFrame)

/** One subscription. States: opening (no stream yet) -> begun -> running -> ended. */
export class OpenSubscription implements StreamTarget {
  readonly id: string
  readonly #home: Home
  #stream: Subscription | undefined
  /** The last cursor that was told apart from events. */
  #told = 0
  #isEnded = false

  constructor(home: Home, id: string) {
    this.#home = home
    this.id = id
  }

  /** May come when it was ended already. */
  begin(stream: Subscription): void {
    this.#stream = stream
    if (this.#isEnded) stream.end()
  }

  run(): void {
    this.#stream!.whenReady(this)
  }

  end(): void {
    this.#isEnded = true
    this.#stream?.end()
  }

  tellCursor(): void {
    const position = this.#stream?.position()
    if (position === undefined || position === this.#told) return
    this.#told = position
    const payload = { cursor: idOf(position) }
    this.#home.owner.outbox.notify({ type: 'stream.cursor', payload, subscription_id: this.id })
  }

  ready(): void {
    pump(this.#stream!, this)
  }

  events(events: readonly LoggedEvent[]): Iterable<Buffer> {
    return joinFrames(events, this.id)
  }

  notice(type: 'stream.gap' | 'stream.overflow', payload: object): Buffer {
    return noticeFrame({ type, payload, subscription_id: this.id }, this.#home.owner.now())
  }

  write(frames: Buffer): void {
    this.#home.owner.outbox.write(frames)
  }

  get isFull(): boolean {
    return this.#home.owner.outbox.isFull
  }

  drained(): Promise<void> {
    return this.#home.owner.outbox.drained()
  }

  ended(cause?: unknown): void {
    this.#home.end(this.id)
    if (cause !== undefined) this.#home.owner.onBug(cause)
  }
}
