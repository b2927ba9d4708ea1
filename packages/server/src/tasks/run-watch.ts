import type { WorkItem } from '../work/index.ts'

/** Who waits for something to become of runs that a worker has: a cancel, or an end. */
export class RunWatch {
  readonly #waiting = new Map<string, Set<() => void>>()

  /** Once that is durable. */
  changed({ id }: Pick<WorkItem, 'id'>): void {
    for (const wake of this.#waiting.get(id) ?? []) wake()
  }

  /**
   * Begins to watch: `next` resolves once one of them has changed since (true), or `signal` is aborted. The caller must end it.
   */
  open(runIds: readonly string[]): { next(signal: AbortSignal): Promise<boolean>; end(): void } {
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const wake = () => resolve(true)
    for (const runId of runIds) this.#waiting.set(runId, (this.#waiting.get(runId) ?? new Set()).add(wake))
    return {
      next(signal) {
        const late = Promise.withResolvers<boolean>()
        const abort = () => late.resolve(false)
        signal.addEventListener('abort', abort, { once: true })
        if (signal.aborted) abort()
        return Promise.race([promise, late.promise]).finally(() => signal.removeEventListener('abort', abort))
      },
      end: () => {
        for (const runId of runIds) this.#leave(runId, wake)
      },
    }
  }

  #leave(runId: string, wake: () => void): void {
    const waiting = this.#waiting.get(runId)
    waiting?.delete(wake)
    if (waiting?.size === 0) this.#waiting.delete(runId)
  }
}
