/** Tells whoever waits that something may have changed. */
export class Change {
  #next = Promise.withResolvers<void>()

  /** Resolves with the next `tell`. */
  get next(): Promise<void> {
    return this.#next.promise
  }

  tell(): void {
    this.#next.resolve()
    this.#next = Promise.withResolvers()
  }

  /** Resolves when it holds, or the time is over. */
  async until(holds: () => boolean, withinMs: number): Promise<void> {
    let isLate = false
    const timer = setTimeout(() => {
      isLate = true
      this.tell()
    }, withinMs)
    while (!holds() && !isLate) await this.next
    clearTimeout(timer)
  }
}
