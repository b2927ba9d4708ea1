import type { Tx } from './context.ts'

/**
 * What is said of records in transactions that are under way, by their ids: it is written together with what the work engine
 * makes of them.
 */
export class Told<Said extends object> {
  readonly #said = new WeakMap<Tx, Map<string, Said>>()

  note(tx: Tx, id: string, said: Said): void {
    const noted = this.#said.get(tx) ?? new Map<string, Said>()
    this.#said.set(tx, noted.set(id, said))
  }

  /** It is written, or was refused. */
  forget(tx: Tx, id: string): void {
    this.#said.get(tx)?.delete(id)
  }

  of(tx: Tx, id: string): Partial<Said> {
    return this.#said.get(tx)?.get(id) ?? {}
  }
}
