import type { KeyStore } from './ports.ts'

const batchSizeMax = 500

/** Collects when keys were used, and writes it down in batches, away from the requests. */
export class Uses {
  readonly #store: KeyStore
  #pending = new Map<string, number>()

  constructor(store: KeyStore) {
    this.#store = store
  }

  note(keyId: string, at: number): void {
    this.#pending.set(keyId, at)
  }

  /** Writes each key that was used since the last flush once. What can't be written is kept for the next flush. */
  async flush(): Promise<void> {
    const pending = this.#pending
    this.#pending = new Map()
    // Sorted, so that two nodes take the rows' locks in the same order.
    const uses = [...pending].sort(([a], [b]) => (a < b ? -1 : 1))
    try {
      for (let i = 0; i < uses.length; i += batchSizeMax) {
        await this.#store.write((tx) => this.#store.noteUses(tx, uses.slice(i, i + batchSizeMax)))
      }
    } catch (error) {
      for (const [keyId, at] of pending) if (!this.#pending.has(keyId)) this.#pending.set(keyId, at)
      throw error
    }
  }
}
