import type { Tx } from '../core/context.ts'
import type { EngineDeps } from './engine.ts'
import { tell } from './hand-over.ts'
import type { WorkItem } from './item.ts'
import type { Claim } from './ports.ts'
import { takeNext } from './take.ts'

/**
 * Gives a worker what is next. Inside of a priority the keys take turns, and of a turn the oldest is first; of those that
 * are next in their priorities the highest goes first, where each minute of waiting raises one by a level. Each item is
 * in nobody else's hands until its lease ends.
 */
export async function claim(deps: EngineDeps, tx: Tx, wanted: Claim): Promise<WorkItem[]> {
  const [taken = []] = await takeNext(deps, tx, [wanted])
  if (taken.length > 0) await tell(deps, tx, taken)
  return taken.map(({ after }) => after)
}
