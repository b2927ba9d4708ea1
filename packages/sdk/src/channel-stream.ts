import type { Channel } from '@nexus/contract'
import type { Link } from './link.ts'
import { type ChannelMessage, Subscriber } from './subscriber.ts'

/** What to follow on a channel. */
export interface SubscribeInput {
  /** As in the guide to events; `event_types` in it narrows the types. */
  filters?: Record<string, unknown>
  /** The cursor of the last message that was seen, or `earliest`; unless given, from now on. */
  after?: string
}

export interface SubscribeOptions {
  /** Ends the subscription; reading it then throws the signal's reason. */
  signal?: AbortSignal
}

/**
 * Messages of a channel as they come, over the client's one WebSocket, from the first call of `next` on. A connection that
 * breaks is made again and goes on where it was, each message once, with as many tries as it takes. A reader that is slow
 * is waited for: the server keeps what comes meanwhile, as long as it keeps events, and `stream.gap` tells what it did
 * not. Ends when the reader leaves it; `return` also ends a `next` that waits. Errors: `NexusError` for what no repetition
 * mends, such as a scope that is missing.
 */
export function streamChannel(
  link: Link,
  channel: Channel,
  { filters, after }: SubscribeInput = {},
  { signal }: SubscribeOptions = {},
): AsyncIterableIterator<ChannelMessage, undefined> {
  const subscriber = new Subscriber(channel, filters, after)
  const abort = () => {
    subscriber.abort(signal!.reason)
    link.remove(subscriber)
  }
  let state: 'new' | 'open' | 'over' = 'new'
  const begin = () => {
    state = 'open'
    if (signal?.aborted) return abort()
    signal?.addEventListener('abort', abort, { once: true })
    link.add(subscriber)
  }
  const end = () => {
    state = 'over'
    link.remove(subscriber)
    signal?.removeEventListener('abort', abort)
    subscriber.end()
  }
  return {
    [Symbol.asyncIterator]() {
      return this
    },
    async next() {
      if (state === 'new') begin()
      else if (state === 'open' && subscriber.isEmpty) link.resume(subscriber)
      try {
        const value = await subscriber.next()
        return value === undefined ? { done: true, value } : { done: false, value }
      } catch (error) {
        end()
        throw error
      }
    },
    async return() {
      end()
      return { done: true, value: undefined }
    },
  }
}
