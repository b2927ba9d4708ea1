import { setImmediate as endOfTurn } from 'node:timers/promises'

/**
 * Lets those who read the past have their pages one after another, each in a turn of the event loop of its own: however many
 * read, everything else has its turn after each page.
 */
export class PageTurns {
  #last: Promise<unknown> = Promise.resolve()

  take<Page>(read: () => Promise<Page>): Promise<Page> {
    const page = this.#last.then(read)
    const over = () => endOfTurn()
    this.#last = page.then(over, over)
    return page
  }
}
