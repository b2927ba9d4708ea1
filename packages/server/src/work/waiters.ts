import type { Claim } from './claim.ts'
import { Place } from './place.ts'
import type { QueueName } from './ports.ts'

/** Who waits for work in this process, by queue, in the order in which they came. */
export class Waiters {
  readonly #lines = new Map<string, Set<Place>>()

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
    for (const queue of place.wanted.queues) this.wake(queue, 1)
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
    let left = count
    for (const place of this.#lines.get(nameOf(queue)) ?? []) {
      if (left === 0) return
      if (place.isWoken) continue
      place.wake()
      left--
    }
  }
}

export function nameOf({ kind, queue }: QueueName): string {
  return `${kind} ${queue}`
}
