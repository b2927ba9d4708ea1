import type { Tx } from '../../core/context.ts'
import { createWorkStore, type StateEngine } from '../../storage/state/index.ts'
import { type Change, createWork, type NewWork, type Work, type WorkStore } from '../index.ts'

/** An engine over a state, that remembers what it told. */
export function engineOver(state: StateEngine, now: () => number, told: Change[] = [], onError = rethrow) {
  /** `next` runs with the next changes that are told, `each` with all. */
  const hook: { next: ((tx: Tx) => void) | undefined; each: ((changes: readonly Change[]) => void) | undefined } = {
    next: undefined,
    each: undefined,
  }
  const onChange = async (tx: Tx, changes: readonly Change[]) => {
    told.push(...changes)
    const { next } = hook
    hook.next = undefined
    next?.(tx)
    hook.each?.(changes)
  }
  const kept = createWorkStore(state, now)
  const writes = { done: 0 }
  /** Those that found out without a transaction that there is nothing. */
  const vainLooks = { done: 0 }
  const store: WorkStore = {
    ...kept,
    write: (fn) =>
      kept.write(fn).finally(() => {
        writes.done++
      }),
    mayHaveReady: async (queues) => {
      const may = await kept.mayHaveReady(queues)
      if (!may) vainLooks.done++
      return may
    },
  }
  const work: Work = createWork({
    store,
    now,
    random: () => 0.5,
    rooms: { command: { onChange }, task: { onChange }, ai: { onChange } },
    onError,
  })
  return { work, store, told, writes, vainLooks, onChange: hook }
}

function rethrow(cause: unknown): void {
  throw cause
}

/** Work for the queue `q`, as plain as it can be. */
export function newWork(id: string, more: Partial<NewWork> = {}): NewWork {
  return {
    id,
    kind: 'task',
    queue: 'q',
    priority: 'normal',
    fairKey: 'a',
    orderingKey: null,
    retry: {
      attemptsMax: 3,
      on: ['error', 'worker_lost'],
      initialDelayMs: 4000,
      multiplier: 2,
      maxDelayMs: 60_000,
      jitter: 0,
    },
    leaseMs: 30_000,
    attemptMs: null,
    startBy: null,
    notBefore: null,
    waitingFor: null,
    traceId: '0'.repeat(32),
    causeId: null,
    ...more,
  }
}
