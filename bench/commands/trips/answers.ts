/** Who waits for the answer to which command. */
export class Answers {
  readonly #waiting = new Map<number, (answer: number) => void>()

  of(number: number): Promise<number> {
    return new Promise((resolve) => this.#waiting.set(number, resolve))
  }

  /** The same answer may come again. */
  settle(number: number, answer: number): void {
    this.#waiting.get(number)?.(answer)
    this.#waiting.delete(number)
  }
}
