import { websocketLimits } from '@nexus/contract'

/** How many messages are refused, one error each, before the connection ends. */
const refusedMax = 100

/**
 * Fifty messages a second, a hundred at once: what comes beyond is refused, and who goes on is cut off. One for each
 * connection.
 */
export class MessageRate {
  #left: number = websocketLimits.messagesBurst
  #at: number
  #refused = 0

  constructor(now: number) {
    this.#at = now
  }

  /** Milliseconds on any clock that only goes forward. */
  take(now: number): 'taken' | 'refused' | 'exceeded' {
    const { messagesPerSecond, messagesBurst } = websocketLimits
    this.#left = Math.min(messagesBurst, this.#left + ((now - this.#at) / 1000) * messagesPerSecond)
    this.#at = now
    if (this.#left === messagesBurst) this.#refused = 0
    if (this.#left >= 1) {
      this.#left--
      return 'taken'
    }
    return ++this.#refused > refusedMax ? 'exceeded' : 'refused'
  }
}
