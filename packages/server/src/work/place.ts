import type { Changed } from './item.ts'
import type { Claim } from './ports.ts'

/**
 * The place in line of a worker that waits for work:
 *
 *     searching -> waiting -> reserved -> waiting | served
 *        ^            |
 *        +------------+ woken
 *
 * Searching: it looks for itself at what is there. Waiting: a transaction may reserve the place, and claim for it.
 * Reserved: it is told how that transaction ended; where transactions end together several may reserve it, as long as
 * there is room, and it is told of all at once. A wake that comes while it searches or is reserved makes it search
 * again, or goes to the next in line.
 */
export class Place {
  readonly wanted: Claim
  #state: 'searching' | 'waiting' | 'reserved' | 'served' = 'searching'
  #woken = false
  #left = false
  /** Transactions that have reserved it, how much is claimed for it in them, and what of that is durable. */
  #reservations = 0
  #claimed = 0
  #taken: Changed[] = []
  #settled = Promise.withResolvers<readonly Changed[] | undefined>()

  constructor(wanted: Claim) {
    this.wanted = wanted
  }

  get isFree(): boolean {
    return this.#state === 'waiting' && !this.#woken && !this.#left
  }

  /** Whether somebody who has reserved it left room for others. */
  get isShareable(): boolean {
    return this.isReserved && this.room > 0 && !this.#woken && !this.#left
  }

  /** How much more may be claimed for it. */
  get room(): number {
    return this.wanted.max - this.#claimed
  }

  get isReserved(): boolean {
    return this.#state === 'reserved'
  }

  /** Something is being claimed for it, or has been. */
  get isTakenCareOf(): boolean {
    return this.isReserved || this.#state === 'served'
  }

  get isWoken(): boolean {
    return this.#woken
  }

  /**
   * About to search; false: something is being claimed for it, or has been, as when the transaction of its search is
   * tried again. That is to be waited for.
   */
  search(): boolean {
    if (this.isTakenCareOf) return false
    this.#state = 'searching'
    this.#woken = false
    this.#settled = Promise.withResolvers()
    return true
  }

  /** Has searched in vain; from this moment on others may claim for it. */
  wait(): void {
    this.#state = 'waiting'
    if (this.#woken) this.#settled.resolve(undefined)
  }

  reserve(): void {
    this.#state = 'reserved'
    this.#reservations++
  }

  /** So much is claimed for it, and will be durable or not. */
  claimed(count: number): void {
    this.#claimed += count
  }

  /** A transaction that reserved it is over; this was claimed for it there, and is durable. */
  settle(durable: readonly Changed[]): void {
    this.#taken.push(...durable)
    if (--this.#reservations > 0) return
    const taken = this.#taken.splice(0)
    this.#claimed = 0
    this.#state = taken.length > 0 ? 'served' : 'waiting'
    if (taken.length > 0) this.#settled.resolve(taken)
    else if (this.#woken || this.#left) this.#settled.resolve(undefined)
  }

  /** Searches no more, and takes nothing; whatever has reserved the place is settled first. */
  leave(): void {
    this.#left = true
  }

  wake(): void {
    this.#woken = true
    if (this.#state === 'waiting') this.#settled.resolve(undefined)
  }

  /**
   * Resolves with what was claimed for it; undefined: it is to search again, or `signal` is aborted. What is reserved stays
   * until that transaction is over, for there may be something to give back.
   */
  async settled(signal: AbortSignal): Promise<readonly Changed[] | undefined> {
    const { promise, resolve } = this.#settled
    const onAbort = () => {
      this.leave()
      if (!this.isReserved) resolve(undefined)
    }
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
    return promise.finally(() => signal.removeEventListener('abort', onAbort))
  }
}
