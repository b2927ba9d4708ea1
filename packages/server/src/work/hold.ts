import type { Tx } from '../core/context.ts'
import { commitChanges } from './commit.ts'
import type { EngineDeps } from './engine.ts'
import type { WaitingFor, WorkItem } from './item.ts'

/** Says what pending items wait for, or (null) that they need wait no longer. Returns those that were pending. */
export async function hold(
  deps: EngineDeps,
  tx: Tx,
  ids: readonly string[],
  waitingFor: WaitingFor | null,
): Promise<WorkItem[]> {
  const items = await deps.store.find(ids, tx)
  const pending = items.filter(({ state }) => state === 'pending')
  return commitChanges(
    deps,
    tx,
    pending.map((before) => ({ before, after: { ...before, waitingFor } })),
  )
}
