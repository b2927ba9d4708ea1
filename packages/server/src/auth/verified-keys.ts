import type { Clock } from '../core/clock.ts'
import type { Principal } from '../core/context.ts'

/** A key whose secret was found right; what can change without us is checked at each use. */
export interface VerifiedKey {
  principal: Principal
  /** When the key, or the grace of its old secret, ends; Infinity for never. */
  validUntil: number
  allows(address: string): boolean
}

interface Entry extends VerifiedKey {
  forgetAt: number
}

const ttlMs = 5 * 60_000

/** Remembers verified keys by keyed digest for five minutes; the least recently used give way. */
export class VerifiedKeys {
  readonly #clock: Clock
  readonly #max: number
  readonly #entries = new Map<string, Entry>()
  #forgotten = 0
  /** The last one in the order of use: it need not be moved there again. */
  #newest: string | undefined

  constructor(clock: Clock, max = 10_000) {
    this.#clock = clock
    this.#max = max
  }

  get(digest: string): VerifiedKey | undefined {
    const entry = this.#entries.get(digest)
    if (!entry) return undefined
    const isLive = entry.forgetAt > this.#clock.now()
    if (isLive && digest === this.#newest) return entry
    this.#entries.delete(digest)
    if (!isLive) return undefined
    this.#entries.set(digest, entry)
    this.#newest = digest
    return entry
  }

  /** Marks the present state of things: what is read from now on is as fresh. */
  get moment(): number {
    return this.#forgotten
  }

  /** Keeps a key that was read after `moment`; false if keys were forgotten since, for it may be stale. */
  keep(digest: string, key: VerifiedKey, moment: number): boolean {
    if (moment !== this.#forgotten) return false
    if (this.#entries.size >= this.#max) this.#entries.delete(this.#entries.keys().next().value!)
    this.#entries.set(digest, { ...key, forgetAt: this.#clock.now() + ttlMs })
    this.#newest = digest
    return true
  }

  forget(keyId: string): void {
    this.#forgotten++
    for (const [digest, entry] of this.#entries) if (entry.principal.keyId === keyId) this.#entries.delete(digest)
  }
}
