import type { Input, Output } from '@nexus/contract'
import type { Ctx } from '../core/context.ts'
import { invalid } from '../core/failure.ts'
import type { DirtyHours } from './dirty-hours.ts'
import type { Drain } from './drain.ts'
import type { Gather } from './gather.ts'
import { instantMax, readInstant } from './instant.ts'
import type { LatestValues } from './latest-values.ts'
import type { Deletion, IngestLog, TelemetryStore } from './ports.ts'
import { readList } from './question.ts'
import type { RollUpCache } from './roll-up-cache.ts'

export interface DeleteDeps {
  store: TelemetryStore
  log: IngestLog
  gather: Gather
  drain: Drain
  dirty: DirtyHours
  cache: RollUpCache
  latest: LatestValues
}

/**
 * Deletes the points of a device in [start, end) for good. Hours are marked before anything goes, so that no answer ever
 * comes from a roll-up of points that are gone. One that a crash interrupts is finished at the next start.
 */
export async function deleteTelemetry(
  deps: DeleteDeps,
  ctx: Ctx,
  input: Input<'telemetry.data.delete'>,
): Promise<Output<'telemetry.data.delete'>> {
  const start = readInstant(input.start_time, 'start_time')
  const end = readInstant(input.end_time, 'end_time')
  if (end <= start) throw invalid('end_time', 'must be later than start_time', 'VALIDATION_ERROR')
  const device = input.device_id
  const metrics = readList(input.metrics, 'metrics', 256)

  await deps.drain.settle(start, end)
  const deleted = await deps.drain.exclusively(async () => {
    // One that failed half way and is asked for again would find nothing more to delete.
    await finishDeletions(deps, ctx.now())
    const deletion = { device, metrics, start, end, version: deps.log.lastVersion() }
    const count = await deps.store.countOf(deletion)
    if (count > 0) await carryOut(deps, deletion, deps.log.beginDeletion(deletion), ctx.now())
    return count
  })
  if (deleted > 0) await readLatestAgain(deps, device)
  return { deleted_points: deleted }
}

/** Makes the latest values of a device those of the store, but for what has come in since. */
async function readLatestAgain({ latest, gather, drain, store }: DeleteDeps, device: string): Promise<void> {
  const { moment } = latest
  await gather.settled()
  await drain.settle(0, instantMax)
  await drain.exclusively(async () => {
    const rows = await store.latest({ devices: [device], limit: 1 })
    // Both at once, for queries take latest values for all series.
    latest.drop(device, (_metric, { touched }) => touched <= moment)
    latest.load(rows)
  })
}

export type DeletionDeps = Pick<DeleteDeps, 'store' | 'log' | 'dirty' | 'cache'>

/**
 * Finishes the deletions that a crash or a fault left half done. Of a device between two steps the points are gone, and
 * its catalogue too, until this has run. What was sent after such a deletion stays.
 */
export async function finishDeletions(deps: DeletionDeps, now: number): Promise<void> {
  for (const { id, ...deletion } of deps.log.openDeletions()) await carryOut(deps, deletion, id, now)
}

async function carryOut(deps: DeletionDeps, deletion: Deletion, id: number, now: number): Promise<void> {
  const { device } = deletion
  const hours = (await deps.store.hoursOf(deletion)).map((hour) => ({ device, hour }))
  deps.log.markDirty(hours)
  deps.cache.drop(deps.dirty.mark(hours, now))
  await deps.store.delete(deletion)
  deps.log.endDeletion(id)
}
