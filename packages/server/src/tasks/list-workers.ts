import type { Input, Output, WorkerInfo } from '@nexus/contract'
import { toIso } from '../core/clock.ts'
import type { Ctx } from '../core/context.ts'
import { decodeCursor, page } from '../core/paging.ts'
import type { TaskDeps } from './deps.ts'
import type { LeasedRuns } from './ports.ts'
import type { SeenWorker } from './workers.ts'

const limitDefault = 50

/** Who works, by their ids: those that this node has heard of lately, and those that have runs in hand. */
export async function listWorkers(
  { store, workers }: TaskDeps,
  _ctx: Ctx,
  { cursor, limit = limitDefault }: Input<'workers.list'>,
): Promise<Output<'workers.list'>> {
  const after = cursor === undefined ? '' : (decodeCursor(cursor, ['string'])[0] as string)
  const seen = workers.lately()
  const here = [...seen.keys()].filter((id) => id > after)
  const holding = await store.holders(after, limit + 1)
  const ids = [...new Set([...here, ...holding])].sort().slice(0, limit + 1)
  const { rows, next } = page(ids, limit, (id) => [id])
  const held = Map.groupBy(await store.leasedByEach(rows), ({ workerId }) => workerId)
  return { workers: rows.map((id) => infoOf(id, seen.get(id), held.get(id) ?? [])), next_cursor: next }
}

function infoOf(worker_id: string, seen: SeenWorker | undefined, held: readonly LeasedRuns[]): WorkerInfo {
  const places = held.map(({ place }) => [place.slice(0, place.indexOf(' ')), place.slice(place.indexOf(' ') + 1)])
  return {
    worker_id,
    queues: [...new Set(seen ? seen.queues : places.map(([queue]) => queue!))],
    names: [...new Set(seen ? seen.names : places.map(([, name]) => name!))],
    runs: held.reduce((sum, { runs }) => sum + runs, 0),
    last_seen_at: seen ? toIso(seen.at) : null,
  }
}
