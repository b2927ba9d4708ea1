import type { Tx } from '../core/context.ts'
import { tell } from './commit.ts'
import type { EngineDeps } from './engine.ts'
import type { WorkItem } from './item.ts'
import type { QueueName } from './ports.ts'
import { takeNext } from './take.ts'

export interface Claim {
  queues: readonly QueueName[]
  worker: string
  max: number
  /** What the lease token begins with, by which the worker can name a claim whose outcome it never heard of. */
  mark?: string | undefined
}

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
