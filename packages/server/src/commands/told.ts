import type { Tx } from '../core/context.ts'
import type { ExecutionRecord } from './record.ts'

/** What a device said of an execution, or why Nexus ends it, beside that it ended. */
export type Said = Partial<
  Pick<
    ExecutionRecord,
    'result' | 'error' | 'startedAt' | 'verifyBy' | 'status' | 'subStatus' | 'statusReason' | 'completedAt'
  >
>

/** What devices said in transactions that are under way: it is written together with what the work engine makes of it. */
export class Told {
  readonly #said = new WeakMap<Tx, Map<string, Said>>()

  note(tx: Tx, executionId: string, said: Said): void {
    const noted = this.#said.get(tx) ?? new Map<string, Said>()
    this.#said.set(tx, noted.set(executionId, said))
  }

  of(tx: Tx, executionId: string): Said {
    return this.#said.get(tx)?.get(executionId) ?? {}
  }
}
