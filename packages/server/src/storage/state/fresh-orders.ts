import type { CommandOrder, CommandRecord, ExecutionRecord } from '../../commands/index.ts'

/** At 64 KiB of parameters at most, 16 MiB. */
const ordersMax = 256

/**
 * What commands say that were just submitted, by execution: a device that waits is given its own in the same moment,
 * and it need not be read and decrypted for that. Nothing of it ever changes.
 */
export class FreshOrders {
  readonly #byExecution = new Map<string, CommandOrder>()

  /** Once it is committed. */
  keep(command: CommandRecord, executions: readonly Pick<ExecutionRecord, 'executionId'>[]): void {
    for (const { executionId } of executions.slice(0, ordersMax)) this.#byExecution.set(executionId, command)
    for (const id of this.#byExecution.keys()) {
      if (this.#byExecution.size <= ordersMax) return
      this.#byExecution.delete(id)
    }
  }

  /** It is asked for once; those who ask again read it. */
  take(executionId: string): CommandOrder | undefined {
    const order = this.#byExecution.get(executionId)
    this.#byExecution.delete(executionId)
    return order
  }
}
