import { setImmediate as nextTurn } from 'node:timers/promises'

/** About a few milliseconds, where a step sets or reads one value. */
const stepsATurn = 20_000

/** Gives everything else its turn between the parts of long work; stops when nobody waits for that work any more. */
export class Turns {
  readonly #signal: AbortSignal | undefined
  #left = stepsATurn

  constructor(signal?: AbortSignal) {
    this.#signal = signal
  }

  /** To be awaited, if it is a promise, before the work goes on. It throws the reason of the signal. */
  after(steps: number): Promise<void> | undefined {
    this.#left -= steps
    if (this.#left > 0) return undefined
    this.#left = stepsATurn
    return nextTurn().then(() => this.#signal?.throwIfAborted())
  }
}

/** `stepsOf`: how many a value takes. */
export async function mapInTurns<From, To>(
  values: readonly From[],
  signal: AbortSignal | undefined,
  fn: (value: From) => To,
  stepsOf: (value: From) => number = () => 1,
): Promise<To[]> {
  const turns = new Turns(signal)
  const mapped: To[] = []
  for (const value of values) {
    mapped.push(fn(value))
    const turn = turns.after(stepsOf(value))
    if (turn) await turn
  }
  return mapped
}
