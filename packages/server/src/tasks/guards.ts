import { isDeepStrictEqual } from 'node:util'
import type { RunError, TaskGuard } from '@nexus/contract'
import type { Tx } from '../core/context.ts'
import type { TaskStore } from './ports.ts'
import type { TaskRecord } from './record.ts'

/** Whether a guard, as it was asked about, holds. */
export interface GuardAnswer {
  guard: TaskGuard
  /** The key in whose name it was asked. */
  runsAs: string
  holds: boolean
  /** Why nobody may ask in that name; null: it was asked. */
  error: RunError | null
}

/** Undefined: the answer is about the task as it was before a change, or there is none. */
export function answerFor(
  { definition, runsAs }: Pick<TaskRecord, 'definition' | 'runsAs'>,
  answer: GuardAnswer | undefined,
): GuardAnswer | undefined {
  const isFor = answer?.runsAs === runsAs && isDeepStrictEqual(answer.guard, definition.guard)
  return isFor ? answer : undefined
}

export interface GuardsDeps {
  store: Pick<TaskStore, 'write' | 'find'>
  /** See `askGuard`. */
  ask(task: TaskRecord, guard: TaskGuard): Promise<GuardAnswer>
  /** See `advanceTask`. `isMore`: runs that this answer is about are left. */
  advance(tx: Tx, taskId: string, guard: GuardAnswer): Promise<{ isMore: boolean }>
  onError(cause: unknown): void
}

const atOnce = 8

/**
 * Asks telemetry about guards, beside everything else: a query that is slow to answer holds up nothing but the runs that wait
 * for it.
 */
export class Guards {
  readonly #deps: GuardsDeps
  readonly #asked = new Set<string>()
  readonly #underWay = new Set<Promise<void>>()
  #isStopped = false

  constructor(deps: GuardsDeps) {
    this.#deps = deps
  }

  /** Has telemetry asked about the guard of a task, once however often that is wanted. */
  ask(taskId: string): void {
    this.#asked.add(taskId)
    this.#go()
  }

  /** Resolves when none is being asked. */
  async settled(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay)
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await this.settled()
  }

  #go(): void {
    while (!this.#isStopped && this.#underWay.size < atOnce && this.#asked.size > 0) {
      const [taskId] = this.#asked
      this.#asked.delete(taskId!)
      const asking = this.#answer(taskId!)
        .catch(this.#deps.onError)
        .finally(() => {
          this.#underWay.delete(asking)
          this.#go()
        })
      this.#underWay.add(asking)
    }
  }

  async #answer(taskId: string): Promise<void> {
    const { store, ask, advance } = this.#deps
    const [task] = await store.find([taskId])
    const guard = task?.definition.guard
    if (!task || !guard) return
    const answer = await ask(task, guard)
    const goOn = () => store.write((tx) => advance(tx, taskId, answer))
    while (!this.#isStopped && (await goOn()).isMore);
  }
}
