import type { Input, Output } from '@nexus/contract'
import type { Ctx } from '../core/context.ts'
import { decodeCursor, page } from '../core/paging.ts'
import { formatInstant } from './instant.ts'
import { type LatestDevice, LatestValues } from './latest-values.ts'
import { toValue } from './point.ts'
import type { TelemetryStore } from './ports.ts'
import { readList } from './question.ts'
import { matchesTags, parseTagFilter } from './tag-filter.ts'

export interface LatestDeps {
  latest: LatestValues
  store: TelemetryStore
}

type Device = Output<'telemetry.latest'>['devices'][number]

const devicesMax = 1000

/** The last value of every metric, by device, in the order of their ids. Tags are those of the newest frame. */
export async function latestTelemetry(
  deps: LatestDeps,
  _ctx: Ctx,
  input: Input<'telemetry.latest'>,
): Promise<Output<'telemetry.latest'>> {
  const limit = input.limit ?? 100
  const after = input.cursor === undefined ? undefined : (decodeCursor(input.cursor, ['string'])[0] as string)
  const named = readList(input.device_id, 'device_id', devicesMax)
  const conditions = input.tags === undefined ? [] : parseTagFilter(input.tags)
  const metrics = readList(input.metrics, 'metrics', 256)

  const source = await sourceOf(deps, named, after, limit)
  const ids = (named ?? [...source.devices.keys()]).filter((id) => {
    const device = source.devices.get(id)
    return device !== undefined && (after === undefined || id > after) && matchesTags(conditions, device.tags)
  })
  const { rows, next } = page(ids.sort(), limit, (id) => [id])
  return { devices: rows.map((id) => describe(id, source.devices.get(id)!, metrics)), next_cursor: next }
}

/** Memory holds all, unless there are more series than it may hold: then the store is asked. */
async function sourceOf(
  { latest, store }: LatestDeps,
  named: string[] | undefined,
  after: string | undefined,
  limit: number,
): Promise<LatestValues> {
  if (latest.complete || named?.every((id) => latest.devices.has(id))) return latest
  const rows = await store.latest({
    ...(named ? { devices: named } : {}),
    ...(after === undefined ? {} : { after }),
    limit: limit + 1,
  })
  const source = new LatestValues(Number.POSITIVE_INFINITY)
  source.load(rows)
  return source
}

function describe(id: string, device: LatestDevice, metrics: string[] | undefined): Device {
  const names = metrics ? metrics.filter((name) => device.metrics.has(name)) : [...device.metrics.keys()]
  const values = names.map((name) => {
    const { at, kind, num, str } = device.metrics.get(name)!
    return [name, { value: toValue(kind, num, str), type: kind, timestamp: formatInstant(at) }] as const
  })
  return { device_id: id, tags: device.tags, metadata: device.metadata, metrics: Object.fromEntries(values) }
}
