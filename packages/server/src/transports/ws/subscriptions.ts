import { channels, type Subscribe, websocketLimits } from '@nexus/contract'
import type { Principal } from '../../core/context.ts'
import { fail, invalid } from '../../core/failure.ts'
import { authorise } from '../../core/invoke.ts'
import { type Events, idOf, type StreamInput, type Subscription } from '../../events/index.ts'
import { createJoin } from '../join.ts'
import { type StreamRendering, streamPieces } from '../stream-pieces.ts'
import type { Outbox } from './outbox.ts'
import { eventFrame, noticeFrame } from './render.ts'

const joinFrames = createJoin(eventFrame)

export interface SubscriptionsDeps {
  events: Pick<Events, 'stream'>
  outbox: Outbox
  now(): number
  /** Something failed that should not have. */
  onBug(cause: unknown): void
}

interface Open {
  ended: AbortController
  stream: Subscription | undefined
  /** The last cursor that was told apart from events. */
  told: number
}

/** What `subscribed` tells. */
export interface Begun {
  subscription_id: string
  cursor: string
  recovered: boolean
}

/** The subscriptions of one connection. */
export class Subscriptions {
  readonly #deps: SubscriptionsDeps
  readonly #open = new Map<string, Open>()
  #opened = 0

  constructor(deps: SubscriptionsDeps) {
    this.#deps = deps
  }

  /**
   * Opens a subscription. What it brings is sent once `run` was called, after the acknowledgement.
   * Errors: INVALID_REQUEST, FORBIDDEN, RATE_LIMIT_EXCEEDED (a hundred are open).
   */
  async begin(principal: Principal, asked: Subscribe): Promise<{ begun: Begun; run(): void }> {
    authorise(channels[asked.channel], principal)
    const input = streamInput(asked)
    if (this.#open.size >= websocketLimits.subscriptions) throw tooMany()
    const id = `sub-${++this.#opened}`
    const open: Open = { ended: new AbortController(), stream: undefined, told: 0 }
    this.#open.set(id, open)
    try {
      const stream = await this.#deps.events.stream(principal, input, open.ended.signal)
      const begun = { subscription_id: id, cursor: idOf(stream.cursor), recovered: stream.recovered }
      open.stream = stream
      return { begun, run: () => void this.#run(id, stream, open) }
    } catch (cause) {
      this.end(id)
      throw cause
    }
  }

  /** False: there is none of that name. */
  end(id: string): boolean {
    this.#open.get(id)?.ended.abort()
    return this.#open.delete(id)
  }

  endAll(): void {
    for (const id of this.#open.keys()) this.end(id)
  }

  /** Tells where subscriptions stand for which nothing came of late, so that nobody comes back with an old cursor. */
  tellCursors(): void {
    for (const [id, open] of this.#open) {
      const position = open.stream?.position()
      if (position === undefined || position === open.told) continue
      open.told = position
      const payload = { cursor: idOf(position) }
      this.#deps.outbox.notify({ type: 'stream.cursor', payload, subscription_id: id })
    }
  }

  async #run(id: string, stream: Subscription, { ended: { signal } }: Open): Promise<void> {
    const { outbox, now, onBug } = this.#deps
    const rendering: StreamRendering = {
      events: (events) => joinFrames(events, id),
      notice: (type, payload) => noticeFrame({ type, payload, subscription_id: id }, now()),
    }
    try {
      for await (const item of stream) {
        for (const frames of streamPieces(item, rendering)) {
          // What is left waits in the subscription, which has a bound of its own.
          while (outbox.isFull) await outbox.drained()
          if (signal.aborted) return
          outbox.write(frames)
        }
      }
    } catch (cause) {
      onBug(cause)
    } finally {
      this.end(id)
    }
  }
}

/** The types that a channel has, or those of them that are asked for. */
function streamInput({ channel, filters = {}, after }: Subscribe): StreamInput {
  const { event_types: asked, ...rest } = filters
  const types = asked === undefined ? [channels[channel].types] : listed(asked)
  const prefix = channels[channel].types.slice(0, -1)
  const stray = types.find((type) => !type.startsWith(prefix) && type !== '*')
  if (stray !== undefined)
    throw invalid('filters.event_types', `names no type of the channel ${channel}: expected ${prefix}…`)
  const inChannel = types.map((type) => (type === '*' ? channels[channel].types : type))
  return {
    event_types: inChannel.join(','),
    filters: rest,
    ...(after !== undefined && { last_event_id: after }),
  }
}

function listed(asked: unknown): string[] {
  const parts = typeof asked === 'string' ? [asked] : asked
  if (Array.isArray(parts) && parts.length > 0 && parts.every((part) => typeof part === 'string'))
    return parts.flatMap((part) => part.split(',')).map((type) => type.trim())
  throw invalid('filters.event_types', 'must be a comma list of types, or an array of them')
}

function tooMany() {
  const limit = websocketLimits.subscriptions
  const issue = `the connection has ${limit} subscriptions already: end one, or open another connection`
  return fail('RATE_LIMIT_EXCEEDED', { reason: 'too_many_subscriptions', limit, issue })
}
