import type { QueueName } from './ports.ts'

/** Somebody who would take work of some queues. */
interface Waiter {
  queues: readonly string[]
  wake(): void
}

export interface Waiting {
  /** Resolves when there may be work in one of the queues. */
  readonly woken: Promise<void>
  /** Waits no more; a wake that was not made use of goes to the next. */
  leave(usedIt: boolean): void
}

/** Who waits for work in this process, by queue; those who came first are woken first. */
export class Waiters {
  readonly #waiting = new Map<string, Set<Waiter>>()

  /** Stands in line from this moment on: whoever looks for work after that misses none. */
  join(queues: readonly QueueName[]): Waiting {
    const { promise: woken, resolve } = Promise.withResolvers<void>()
    let wasWoken = false
    const waiter: Waiter = {
      queues: queues.map(nameOf),
      wake: () => {
        wasWoken = true
        this.#remove(waiter)
        resolve()
      },
    }
    for (const name of waiter.queues) {
      const waiting = this.#waiting.get(name) ?? new Set()
      this.#waiting.set(name, waiting.add(waiter))
    }
    return {
      woken,
      leave: (usedIt) => {
        this.#remove(waiter)
        if (wasWoken && !usedIt) for (const queue of queues) this.wake(queue, 1)
      },
    }
  }

  /** So many items have become ready. */
  wake(queue: QueueName, count: number): void {
    const waiting = this.#waiting.get(nameOf(queue))
    if (!waiting) return
    for (const waiter of [...waiting].slice(0, count)) waiter.wake()
  }

  #remove(waiter: Waiter): void {
    for (const name of waiter.queues) {
      const waiting = this.#waiting.get(name)
      waiting?.delete(waiter)
      if (waiting?.size === 0) this.#waiting.delete(name)
    }
  }
}

function nameOf({ kind, queue }: QueueName): string {
  return `${kind} ${queue}`
}
