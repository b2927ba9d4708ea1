import { channels, type Subscribe, websocketLimits } from '@nexus/contract'
import type { Principal } from '../../core/context.ts'
import { fail, invalid } from '../../core/failure.ts'
import { authorise } from '../../core/invoke.ts'
import { idOf, type StreamInput } from '../../events/index.ts'
import { OpenSubscription, type SubscriptionsOwner } from './open-subscription.ts'

/** What `subscribed` tells. */
export interface Begun {
  subscription_id: string
  cursor: string
  recovered: boolean
}

/** The subscriptions of one connection. */
export class Subscriptions {
  readonly owner: SubscriptionsOwner
  // Not a map, for most connections have one.
  #open: readonly OpenSubscription[] = []
  #opened = 0

  constructor(owner: SubscriptionsOwner) {
    this.owner = owner
  }

  /**
   * Opens a subscription. What it brings is sent once `run` was called, after the acknowledgement.
   * Errors: INVALID_REQUEST, FORBIDDEN, RATE_LIMIT_EXCEEDED (a hundred are open).
   */
  async begin(principal: Principal, asked: Subscribe): Promise<{ begun: Begun; run(): void }> {
    authorise(channels[asked.channel], principal)
    const input = streamInput(asked)
    if (this.#open.length >= websocketLimits.subscriptions) throw tooMany()
    const open = new OpenSubscription(this, `sub-${++this.#opened}`)
    this.#open = this.#open.concat(open)
    try {
      const stream = await this.owner.events.stream(principal, input)
      open.begin(stream)
      const begun = { subscription_id: open.id, cursor: idOf(stream.cursor), recovered: stream.recovered }
      return { begun, run: () => open.run() }
    } catch (cause) {
      this.end(open.id)
      throw cause
    }
  }

  /** False: there is none of that name. */
  end(id: string): boolean {
    const open = this.#open.find((one) => one.id === id)
    if (open) this.#remove(open)
    return open !== undefined
  }

  endAll(): void {
    for (const open of this.#open) this.#remove(open)
  }

  /** Tells where subscriptions stand for which nothing came of late, so that nobody comes back with an old cursor. */
  tellCursors(): void {
    for (const open of this.#open) open.tellCursor()
  }

  #remove(open: OpenSubscription): void {
    open.end()
    this.#open = this.#open.filter((one) => one !== open)
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
