import type { Tx } from '../core/context.ts'
import { commitChanges } from './commit.ts'
import type { EngineDeps } from './engine.ts'
import type { Changed } from './item.ts'
import { returned } from './transitions.ts'

/**
 * Gives back what was claimed for one who never heard of it: others may take it at once, and the attempt does not count.
 * What has ended meanwhile, or is in other hands, stays as it is.
 */
export async function giveBack(deps: EngineDeps, tx: Tx, taken: readonly Changed[]): Promise<void> {
  const now = deps.now()
  const asTaken = new Map(taken.map((one) => [one.after.id, one]))
  const found = await deps.store.find([...asTaken.keys()], tx)
  const changes = found.flatMap((before) => {
    const { before: earlier, after } = asTaken.get(before.id)!
    const isHeld = before.state === 'running' && before.leaseToken === after.leaseToken
    return isHeld ? [{ before, after: returned(before, earlier.startedAt, now) }] : []
  })
  const written = new Set((await commitChanges(deps, tx, changes)).map(({ id }) => id))
  const lost = changes.filter(({ after }) => !written.has(after.id)).map(({ after }) => asTaken.get(after.id)!)
  // Somebody has asked for a cancel meanwhile, or time has ended it: look again.
  if (lost.length > 0) await giveBack(deps, tx, lost)
}
