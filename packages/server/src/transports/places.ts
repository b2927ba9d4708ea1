import { fail } from '../core/failure.ts'

const retryAfterSeconds = 5

/** Bounds how many connections of a kind a key has at a time. */
export class Places {
  readonly #max: number
  readonly #what: string
  readonly #taken = new Map<string, number>()

  /** `what` they are, in the plural. */
  constructor(max: number, what: string) {
    this.#max = max
    this.#what = what
  }

  /** Takes one; returns what gives it back. Errors: RATE_LIMIT_EXCEEDED when the key has as many as it may have. */
  take(keyId: string): () => void {
    const taken = this.#taken.get(keyId) ?? 0
    if (taken >= this.#max) {
      const issue = `the key has ${this.#max} ${this.#what} already`
      throw fail(
        'RATE_LIMIT_EXCEEDED',
        { reason: `too_many_${this.#what}`, limit: this.#max, issue },
        { message: `Too many ${this.#what}`, retryAfterSeconds },
      )
    }
    this.#taken.set(keyId, taken + 1)
    return () => {
      const left = this.#taken.get(keyId)! - 1
      if (left === 0) this.#taken.delete(keyId)
      else this.#taken.set(keyId, left)
    }
  }
}
