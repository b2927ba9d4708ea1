/** How long after its last sign a worker counts. */
const keptMs = 60_000
const queuesMax = 10_000
const releasedMax = 10_000
/** Longer than the longest poll. */
const listedMs = 90_000
const listedMax = 5000

/** A worker as it showed itself to this node. */
export interface SeenWorker {
  queues: readonly string[]
  names: readonly string[]
  at: number
}

/** Where workers of this node look for runs, and who they are. */
export class Workers {
  readonly #seen = new Map<string, number>()
  readonly #listed = new Map<string, SeenWorker>()
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

  /** A worker polls, or (without what it looks for) says something of what it has. */
  heard(workerId: string, asked?: Pick<SeenWorker, 'queues' | 'names'>): void {
    const { queues, names } = asked ?? this.#listed.get(workerId) ?? { queues: [], names: [] }
    this.#listed.delete(workerId)
    this.#listed.set(workerId, { queues, names, at: this.#now() })
    if (this.#listed.size > listedMax) this.#listed.delete(this.#listed.keys().next().value!)
  }

  /** Those that were heard of lately. */
  lately(): ReadonlyMap<string, SeenWorker> {
    for (const [workerId, { at }] of this.#listed) {
      if (this.#now() - at <= listedMs) break
      this.#listed.delete(workerId)
    }
    return this.#listed
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
