/** Who is told that something waits for it. Must not throw. */
export interface Waiter {
  tell(): void
}

/**
 * Tells those for whom something waits, once the turn in which it came is over: what comes together is taken together.
 * Who has more is told again in the next round, so that those who are sent the same stay side by side.
 */
export class Rounds {
  #next: Waiter[] = []

  add(waiter: Waiter): void {
    if (this.#next.push(waiter) === 1) queueMicrotask(() => this.#tell())
  }

  #tell(): void {
    const round = this.#next
    this.#next = []
    for (const waiter of round) waiter.tell()
  }
}
