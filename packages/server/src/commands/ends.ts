import type { CommandRecord, ExecutionRecord } from './record.ts'

/** A command that has ended; `only`: its execution, where it has one target. */
export interface Ended {
  command: CommandRecord
  only: ExecutionRecord | undefined
}

/** Who waits for commands to end, in this process. */
export class Ends {
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

  /** The ids of the commands that are waited for. */
  get awaited(): string[] {
    return [...this.#waiting.keys()]
  }

  /** Once that is durable. */
  tell(ended: Ended): void {
    const { commandId } = ended.command
    const waiting = this.#waiting.get(commandId)
    this.#waiting.delete(commandId)
    for (const fn of waiting ?? []) fn(ended)
  }
}
