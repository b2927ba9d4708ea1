/** What is read step by step, for one who takes it in turns of his own: one item is read ahead. */
export class ReadAhead<T extends object> {
  readonly #items: AsyncIterator<T, unknown>
  readonly #onReady: () => void
  /** Undefined: the next is being read. */
  #next: { item: T } | { failure: unknown } | 'over' | undefined

  /** `onReady`: `take` has something to tell, or it is over; never told within a call of this. */
  constructor(items: AsyncIterator<T, unknown>, onReady: () => void) {
    this.#items = items
    this.#onReady = onReady
    this.#read()
  }

  get isReady(): boolean {
    return this.#next !== undefined
  }

  get isOver(): boolean {
    return this.#next === 'over'
  }

  /** Undefined: the next is being read, or it is over. Throws what reading threw. */
  take(): T | undefined {
    const next = this.#next
    if (next === undefined || next === 'over') return undefined
    if ('failure' in next) throw next.failure
    this.#next = undefined
    this.#read()
    return next.item
  }

  #read(): void {
    const found = (next: { item: T } | { failure: unknown } | 'over') => {
      this.#next = next
      this.#onReady()
    }
    this.#items.next().then(
      ({ done, value }) => found(done ? 'over' : { item: value as T }),
      (failure: unknown) => found({ failure }),
    )
  }
}
