import type { Tx } from '../../core/context.ts'
import type { AtHand } from './at-hand.ts'

/**
 * Records that open transactions need not read again, for nobody else can change them before the transaction ends: what it
 * has written itself, and where there is one writer at a time what it has read, and what those before it left at hand.
 */
export class KnownIn<Known extends object> {
  readonly #keyOf: (known: Known) => string
  readonly #atHand: AtHand<Known> | undefined
  readonly #byTx = new WeakMap<Tx, Map<string, Known>>()

  /** `atHand`: only where there is one writer at a time, and nobody but this writes these records. */
  constructor(keyOf: (known: Known) => string, atHand?: AtHand<Known>) {
    this.#keyOf = keyOf
    this.#atHand = atHand
  }

  /** As they stand in the state from now on in this transaction. */
  note(tx: Tx, records: readonly Known[]): void {
    const known = this.#of(tx)
    for (const one of records) {
      const key = this.#keyOf(one)
      known.set(key, one)
      this.#atHand?.note(tx, key, one)
    }
  }

  /** The known ones of these, and the keys of the others. */
  find(tx: Tx | undefined, keys: readonly string[]): { known: Known[]; unknown: readonly string[] } {
    if (!tx) return { known: [], unknown: keys }
    const known: Known[] = []
    const unknown: string[] = []
    for (const key of keys) {
      const found = this.#byTx.get(tx)?.get(key) ?? this.#fromHand(tx, key)
      if (found) known.push(found)
      else unknown.push(key)
    }
    return { known, unknown }
  }

  /** Those that are at hand, as the last transaction left them, and the keys of the others. */
  recall(keys: readonly string[]): { known: Known[]; unknown: readonly string[] } {
    const found = keys.map((key) => this.#atHand?.get(key))
    return { known: found.filter((one) => one !== undefined), unknown: keys.filter((_, i) => found[i] === undefined) }
  }

  #fromHand(tx: Tx, key: string): Known | undefined {
    const found = this.#atHand?.get(key)
    if (found) this.#of(tx).set(key, found)
    return found
  }

  #of(tx: Tx): Map<string, Known> {
    const known = this.#byTx.get(tx)
    if (known) return known
    const begun = new Map<string, Known>()
    this.#byTx.set(tx, begun)
    return begun
  }
}
