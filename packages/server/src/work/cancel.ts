import type { Tx } from '../core/context.ts'
import { commitChanges } from './commit.ts'
import type { EngineDeps } from './engine.ts'
import { hasEnded, type WorkItem } from './item.ts'
import { cancelling } from './transitions.ts'

/**
 * Asks for an end. What nobody works on ends at once; a worker is told, and has ten seconds to confirm, or is left to go on
 * (`pending`). What has ended stays as it is. Returns the items as they are then.
 */
export async function cancel(
  deps: EngineDeps,
  tx: Tx,
  ids: readonly string[],
  which: 'all' | 'pending' = 'all',
): Promise<WorkItem[]> {
  const now = deps.now()
  const items = await deps.store.find(ids, tx)
  const changes = items.flatMap((before) => {
    const stays = hasEnded(before) || (which === 'pending' && before.state !== 'pending')
    const after = stays ? before : cancelling(before, now)
    return after === before ? [] : [{ before, after }]
  })
  const written = new Map((await commitChanges(deps, tx, changes)).map((item) => [item.id, item]))
  const lost = changes.filter(({ after }) => !written.has(after.id)).map(({ after }) => after.id)
  // Whoever was faster has given it to a worker, or ended it: look again.
  const again = lost.length > 0 ? await cancel(deps, tx, lost, which) : []
  const settled = new Map([...items, ...written.values(), ...again].map((item) => [item.id, item]))
  return items.map(({ id }) => settled.get(id)!)
}
