import { Place } from './place.ts'
import type { Claim, QueueName } from './ports.ts'

/** Who waits for work in this process, by queue, in the order in which they came. */
export class Waiters {
  readonly #lines = new Map<string, Set<Place>>()
  readonly #onLeft: (queue: QueueName) => void

  /** `onLeft` is told of queues in which something is ready that nobody here waits for. */
  constructor(onLeft: (queue: QueueName) => void) {
    this.#onLeft = onLeft
  }

  /** Stands in line from this moment on: whoever looks for work after that misses none. */
  join(wanted: Claim): Place {
    const place = new Place(wanted)
    for (const queue of wanted.queues) {
      const line = this.#lines.get(nameOf(queue)) ?? new Set()
      this.#lines.set(nameOf(queue), line.add(place))
    }
    return place
  }

  /** Waits no more; a wake that was not, or may not have been made use of goes to the next. */
  leave(place: Place, isServed: boolean): void {
    for (const queue of place.wanted.queues) {
      const line = this.#lines.get(nameOf(queue))
      line?.delete(place)
      if (line?.size === 0) this.#lines.delete(nameOf(queue))
    }
    if (isServed && !place.isWoken) return
    for (const queue of place.wanted.queues) {
      if (place.isWoken) this.wake(queue, 1)
      else this.#wake(queue, 1)
    }
  }

  /** The first for whom something may be claimed; he is nobody else's until he is settled. */
  reserve(queue: QueueName): Place | undefined {
    return this.#reserveFirst(queue, (place) => place.isFree)
  }

  /** The same for one whom another transaction has reserved, which ends with this one. */
  share(queue: QueueName, isMine: (place: Place) => boolean): Place | undefined {
    return this.#reserveFirst(queue, (place) => place.isShareable && !isMine(place))
  }

  #reserveFirst(queue: QueueName, may: (place: Place) => boolean): Place | undefined {
    for (const place of this.#lines.get(nameOf(queue)) ?? []) {
      if (!may(place)) continue
      place.reserve()
      return place
    }
    return undefined
  }

  /** So many items are ready that were claimed for nobody. */
  wake(queue: QueueName, count: number): void {
    if (this.#wake(queue, count) > 0) this.#onLeft(queue)
  }

  /** Something is ready that another process leaves to those who wait here. */
  wakeAll(queue: QueueName): void {
    this.#wake(queue, Number.POSITIVE_INFINITY)
  }

  /** Returns how many are left. */
  #wake(queue: QueueName, count: number): number {
    let left = count
    for (const place of this.#lines.get(nameOf(queue)) ?? []) {
      if (left === 0) break
      if (place.isWoken) continue
      place.wake()
      left--
    }
    return left
  }

  /** At most `max` of the queues in which somebody waits; the next call goes on behind them. */
  nextQueues(max: number): QueueName[] {
    const names = [...this.#lines.keys()].slice(0, max)
    return names.map((name) => {
      const line = this.#lines.get(name)!
      this.#lines.delete(name)
      this.#lines.set(name, line)
      const [first] = line
      return first!.wanted.queues.find((queue) => nameOf(queue) === name)!
    })
  }
}

export function nameOf({ kind, queue }: QueueName): string {
  return `${kind} ${queue}`
}
