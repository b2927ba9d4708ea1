/** The tag sets that were ever seen, by id, in memory as far as they fit. */
export class TagSets {
  readonly #sets = new Map<string, Readonly<Record<string, string>>>([['0', {}]])
  readonly #max: number

  constructor(max: number) {
    this.#max = max
  }

  learn(id: string, tags: Readonly<Record<string, string>>): void {
    if (this.#sets.size < this.#max) this.#sets.set(id, tags)
  }

  /** Undefined: ask the store. */
  get(id: string): Readonly<Record<string, string>> | undefined {
    return this.#sets.get(id)
  }
}
