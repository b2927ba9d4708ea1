import { bytesOf } from '../socket.ts'
import type { JournalEntry } from './command.ts'
import type { Execution } from './execution.ts'

const finishedMax = 1000
const finishedBytesMax = 16 * 1024 * 1024

/** What a device knows of its executions: those that are not over, and how the last thousand ended (or the last 16 MiB). */
export class Memory {
  readonly #live = new Map<string, Execution>()
  readonly #finished = new Map<string, { entry: JournalEntry; bytes: number }>()
  #bytes = 0

  /** Those that are not over. */
  get live(): Execution[] {
    return [...this.#live.values()]
  }

  find(id: string): Execution | undefined {
    return this.#live.get(id)
  }

  finished(id: string): JournalEntry | undefined {
    return this.#finished.get(id)?.entry
  }

  begin(execution: Execution): void {
    this.#forget(execution.id)
    this.#live.set(execution.id, execution)
  }

  drop(id: string): void {
    this.#live.delete(id)
  }

  finish(entry: JournalEntry): void {
    this.drop(entry.execution_id)
    this.#forget(entry.execution_id)
    const bytes = bytesOf(entry)
    this.#finished.set(entry.execution_id, { entry, bytes })
    this.#bytes += bytes
    for (const id of this.#finished.keys()) {
      if (this.#finished.size <= finishedMax && this.#bytes <= finishedBytesMax) return
      this.#forget(id)
    }
  }

  #forget(id: string): void {
    this.#bytes -= this.#finished.get(id)?.bytes ?? 0
    this.#finished.delete(id)
  }
}
