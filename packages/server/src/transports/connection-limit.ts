import { fail } from '../core/failure.ts'

const retryAfterSeconds = 5

/** Bounds how many connections of a kind a key has at a time, in this process. */
export class ConnectionLimit {
  readonly #max: number
  readonly #what: string
  readonly #open = new Map<string, number>()

  /** `what` they are, in the plural. */
  constructor(max: number, what: string) {
    this.#max = max
    this.#what = what
  }

  /** Counts one in, which is to `leave` once. Errors: RATE_LIMIT_EXCEEDED when the key has as many as it may. */
  enter(keyId: string): void {
    const open = this.#open.get(keyId) ?? 0
    if (open >= this.#max) {
      const issue = `the key has ${this.#max} ${this.#what} already`
      throw fail(
        'RATE_LIMIT_EXCEEDED',
        { reason: `too_many_${this.#what}`, limit: this.#max, issue },
        { message: `Too many ${this.#what}`, retryAfterSeconds },
      )
    }
    this.#open.set(keyId, open + 1)
  }

  leave(keyId: string): void {
    const left = this.#open.get(keyId)! - 1
    if (left === 0) this.#open.delete(keyId)
    else this.#open.set(keyId, left)
  }
}
