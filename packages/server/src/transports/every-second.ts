const restMs = 1000

/** Looks at each of its members every second: one timer for all of them, and none while there are none. */
export class EverySecond<T> {
  readonly #members = new Set<T>()
  readonly #look: (member: T, now: number) => void
  #timer: NodeJS.Timeout | undefined

  /** `now` is `performance.now()`. */
  constructor(look: (member: T, now: number) => void) {
    this.#look = look
  }

  add(member: T): void {
    this.#members.add(member)
    this.#timer ??= setInterval(() => {
      const now = performance.now()
      for (const each of this.#members) this.#look(each, now)
    }, restMs)
  }

  remove(member: T): void {
    this.#members.delete(member)
    if (this.#members.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  [Symbol.iterator](): Iterator<T> {
    return this.#members.values()
  }
}
