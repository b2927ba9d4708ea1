import type { CommandRecord, ExecutionRecord } from './record.ts'

/** A command that has ended; `only`: its execution, where it has one target. */
export interface Ended {
  command: CommandRecord
  only: ExecutionRecord | undefined
}

/** How many are known to have begun; the oldest give way. */
const liveMax = 1000

/** The calls that wait for commands to end, in this process. */
export class Ends {
  /** Commands that began here, and whose end was not told yet. */
  readonly #live = new Set<string>()
  readonly #waiting = new Map<string, Set<(ended: Ended) => void>>()

  /** Calls `fn` once the command has ended, if that is not durable yet; returns what ends the wait. */
  on(commandId: string, fn: (ended: Ended) => void): () => void {
    const waiting = this.#waiting.get(commandId) ?? new Set()
    this.#waiting.set(commandId, waiting.add(fn))
    return () => {
      waiting.delete(fn)
      if (waiting.size === 0 && this.#waiting.get(commandId) === waiting) this.#waiting.delete(commandId)
    }
  }

  /** A command begins, once that is durable; its end will be told here. */
  begin(commandId: string): void {
    this.#live.add(commandId)
    if (this.#live.size > liveMax) this.#live.delete(this.#live.values().next().value!)
  }

  /** Whether it is known not to have ended; if not, it may have. */
  isLive(commandId: string): boolean {
    return this.#live.has(commandId)
  }

  /** The ids of the commands that are waited for. */
  get awaited(): string[] {
    return [...this.#waiting.keys()]
  }

  /** Once that is durable. */
  tell(ended: Ended): void {
    const { commandId } = ended.command
    const waiting = this.#waiting.get(commandId)
    this.#waiting.delete(commandId)
    this.#live.delete(commandId)
    for (const fn of waiting ?? []) fn(ended)
  }
}
