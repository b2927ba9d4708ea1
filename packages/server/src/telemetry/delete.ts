import type { Input, Output } from '@nexus/contract'
import type { Ctx } from '../core/context.ts'
import { invalid } from '../core/failure.ts'
import type { DirtyHours } from './dirty-hours.ts'
import type { Drain } from './drain.ts'
import { type Micros, readInstant } from './instant.ts'
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

  const lastAt = new Map([...(deps.latest.devices.get(device)?.metrics ?? [])].map(([metric, { at }]) => [metric, at]))
  await deps.drain.settle(start, end)
  return deps.drain.exclusively(async () => {
    const hours = (await deps.store.hoursOf({ device, start, end })).map((hour) => ({ device, hour }))
    deps.log.markDirty(hours)
    deps.cache.drop(deps.dirty.mark(hours, ctx.now()))
    const deleted = await deps.store.delete({ device, metrics, start, end })
    const left = await deps.store.latest({ devices: [device], limit: 1 })
    // Only values that were there before: of those that came in meanwhile the store may know nothing yet. At once, for
    // queries take latest values for all series.
    const isMeant = (metric: string, at: Micros) =>
      at >= start && at < end && (metrics === undefined || metrics.includes(metric))
    deps.latest.drop(device, (metric, { at }) => at === lastAt.get(metric) && isMeant(metric, at))
    deps.latest.load(left)
    return { deleted_points: deleted }
  })
}
