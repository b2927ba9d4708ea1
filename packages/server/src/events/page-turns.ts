import { setImmediate as endOfTurn } from 'node:timers/promises'

/**
 * Lets those who read the past have their pages one after another, or a few at once, each in a turn of the event loop of its
 * own: however many read, everything else has its turn after each page.
 */
export class PageTurns {
  readonly #waiting: (() => void)[] = []
  #free: number

  constructor(atOnce: number) {
    this.#free = atOnce
  }

  async take<Page>(read: () => Promise<Page>): Promise<Page> {
    if (this.#free > 0) this.#free--
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    try {
      return await read()
    } finally {
      void endOfTurn().then(() => this.#next())
    }
  }

  #next(): void {
    const next = this.#waiting.shift()
    if (next) next()
    else this.#free++
  }
}
