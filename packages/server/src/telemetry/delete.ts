import type { Input, Output } from '@nexus/contract'
import type { Ctx } from '../core/context.ts'
import { invalid } from '../core/failure.ts'
import type { DirtyHours } from './dirty-hours.ts'
import type { Drain } from './drain.ts'
import { readInstant } from './instant.ts'
import type { LatestValues } from './latest-values.ts'
import type { IngestLog, TelemetryStore } from './ports.ts'
import { readList } from './question.ts'
import type { RollUpCache } from './roll-up-cache.ts'

export interface DeleteDeps {
  store: TelemetryStore
  log: IngestLog
  drain: Drain
  dirty: DirtyHours
  cache: RollUpCache
  latest: LatestValues
}

/**
 * Deletes the points of a device in [start, end) for good. Hours are marked before anything goes, so that no answer ever
 * comes from a roll-up of points that are gone.
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
  return deps.drain.exclusively(async () => {
    const hours = (await deps.store.hoursOf({ device, start, end })).map((hour) => ({ device, hour }))
    deps.log.markDirty(hours)
    deps.cache.drop(deps.dirty.mark(hours, ctx.now()))
    // Only these: values from elsewhere may still be in the log, and the store cannot give them back.
    deps.latest.drop(
      device,
      (metric, { at }) => at >= start && at < end && (metrics === undefined || metrics.includes(metric)),
    )
    try {
      return { deleted_points: await deps.store.delete({ device, metrics, start, end }) }
    } finally {
      deps.latest.load(await deps.store.latest({ devices: [device], limit: 1 }))
    }
  })
}
