import { runEventsStream } from '@nexus/contract'
import type { Principal } from '../core/context.ts'
import { authorise } from '../core/invoke.ts'
import { type Trail, trailFrom } from '../core/trail.ts'
import { foundRun, type TaskDeps } from './deps.ts'
import { hasRunEnded } from './record.ts'

/** Where the events of a run are, for who may see it. Errors: FORBIDDEN, NOT_FOUND. */
export async function runTrail(deps: TaskDeps, principal: Principal, runId: string): Promise<Trail> {
  authorise(runEventsStream, principal)
  const { firstEventId, lastEventId, status } = await foundRun(deps, runId)
  return trailFrom(firstEventId!, hasRunEnded(status) ? lastEventId! : undefined)
}
