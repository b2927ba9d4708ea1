import { workerLimits } from '../contract-data.ts'

interface Saving {
  value: unknown
  kept: PromiseWithResolvers<void>
}

/** The checkpoints of a run that wait to be sent: the last one, with everybody who waits for it or for one before. */
export class Checkpoints {
  #next: Saving | undefined
  #sent: Saving | undefined

  get isDue(): boolean {
    return this.#next !== undefined || this.#sent !== undefined
  }

  /** Resolves once it, or a later one, is kept. Throws `TypeError` (no JSON), `RangeError` (too large). */
  add(value: unknown): Promise<void> {
    const parsed = copyOf(value)
    if (this.#next) this.#next.value = parsed
    else {
      const kept = Promise.withResolvers<void>()
      // Who does not wait for it is told by the signal.
      kept.promise.catch(() => {})
      this.#next = { value: parsed, kept }
    }
    return this.#next.kept.promise
  }

  /** What to send: the same until that is answered. */
  next(): { checkpoint?: unknown } {
    if (!this.#sent) {
      this.#sent = this.#next
      this.#next = undefined
    }
    return this.#sent ? { checkpoint: this.#sent.value } : {}
  }

  kept(): void {
    this.#sent?.kept.resolve()
    this.#sent = undefined
  }

  /** What was sent is not kept. */
  refused(error: unknown): void {
    this.#sent?.kept.reject(error)
    this.#sent = undefined
  }

  /** Nothing more is sent. */
  end(reason: unknown): void {
    this.refused(reason)
    this.#next?.kept.reject(reason)
    this.#next = undefined
  }
}

function copyOf(value: unknown): unknown {
  const text = JSON.stringify(value)
  if (text === undefined || text === 'null') throw new TypeError(`a checkpoint is JSON and not null: not ${text}`)
  const bytes = new TextEncoder().encode(text).length
  const { checkpointBytesMax: max } = workerLimits
  if (bytes > max) throw new RangeError(`a checkpoint has ${bytes} bytes as JSON: at most ${max}`)
  return JSON.parse(text)
}
