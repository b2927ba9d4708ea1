/** How long after its last sign a worker counts. */
const keptMs = 60_000
const queuesMax = 10_000
const releasedMax = 10_000

/** Where workers of this node look for runs. */
export class Workers {
  readonly #seen = new Map<string, number>()
  readonly #released = new Set<string>()
  readonly #now: () => number

  constructor(now: () => number) {
    this.#now = now
  }

  note(queues: readonly string[]): void {
    for (const queue of queues) {
      this.#seen.delete(queue)
      this.#seen.set(queue, this.#now())
    }
    while (this.#seen.size > queuesMax) this.#seen.delete(this.#seen.keys().next().value!)
  }

  /** Polls whose answers nobody will hear. */
  release(pollIds: readonly string[]): void {
    for (const id of pollIds) this.#released.add(id)
    for (const id of this.#released) {
      if (this.#released.size <= releasedMax) return
      this.#released.delete(id)
    }
  }

  hasReleased(pollId: string): boolean {
    return this.#released.has(pollId)
  }

  /** Whether a worker has looked there of late. */
  isKnown(queue: string): boolean {
    const at = this.#seen.get(queue)
    return at !== undefined && this.#now() - at <= keptMs
  }
}
