import type { Tx } from '../../core/context.ts'

/**
 * Records that open transactions need not read again, for nobody else can change them before the transaction ends: what it
 * has written itself, and where there is one writer at a time what it has read.
 */
export class KnownIn<Known> {
  readonly #keyOf: (known: Known) => string
  readonly #byTx = new WeakMap<Tx, Map<string, Known>>()

  constructor(keyOf: (known: Known) => string) {
    this.#keyOf = keyOf
  }

  note(tx: Tx, records: readonly Known[]): void {
    const known = this.#byTx.get(tx) ?? new Map<string, Known>()
    this.#byTx.set(tx, known)
    for (const one of records) known.set(this.#keyOf(one), one)
  }

  /** The known ones of these, and the keys of the others. */
  find(tx: Tx | undefined, keys: readonly string[]): { known: Known[]; unknown: readonly string[] } {
    const of = tx && this.#byTx.get(tx)
    if (!of) return { known: [], unknown: keys }
    return { known: keys.flatMap((key) => of.get(key) ?? []), unknown: keys.filter((key) => !of.has(key)) }
  }
}
