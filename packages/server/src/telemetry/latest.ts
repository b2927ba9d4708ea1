import type { Input, Output } from '@nexus/contract'
import type { Ctx } from '../core/context.ts'
import { decodeCursor, encodeCursor } from '../core/paging.ts'
import { matchesTags, parseTagFilter, type TagCondition } from '../core/tag-filter.ts'
import type { Drain } from './drain.ts'
import { instantMax } from './instant.ts'
import { cutPage, type DeviceEntry, type LatestPosition, valuesMax } from './latest-page.ts'
import { type LatestDevice, LatestValues } from './latest-values.ts'
import type { TelemetryStore } from './ports.ts'
import { readList } from './question.ts'

export interface LatestDeps {
  latest: LatestValues
  store: TelemetryStore
  drain: Drain
}

const devicesMax = 1000
const devicesAtFirst = 128

/**
 * The last value of every metric, by device, in the order of their ids, and of names inside of a device. Tags are those of
 * the newest frame. A page is bounded in devices and in values.
 */
export async function latestTelemetry(
  deps: LatestDeps,
  _ctx: Ctx,
  input: Input<'telemetry.latest'>,
): Promise<Output<'telemetry.latest'>> {
  const limit = input.limit ?? 100
  const metrics = readList(input.metrics, 'metrics', 256)
  const asked: Asked = {
    named: readList(input.device_id, 'device_id', devicesMax),
    conditions: input.tags === undefined ? [] : parseTagFilter(input.tags),
    from: positionOf(input.cursor),
    limit,
  }
  const found = deps.latest.complete ? fromMemory(deps.latest, asked) : fromStore(deps, asked)
  const { devices, next } = await cutPage(found, { limit, metrics, from: asked.from })
  return { devices, next_cursor: next ? encodeCursor([next.device, next.metric]) : null }
}

interface Asked {
  named: string[] | undefined
  conditions: TagCondition[]
  from: LatestPosition
  limit: number
}

function positionOf(cursor: string | undefined): LatestPosition {
  if (cursor === undefined) return { device: '', metric: '' }
  const [device, metric] = decodeCursor(cursor, ['string', 'string']) as [string, string]
  return { device, metric }
}

function* fromMemory({ devices }: LatestValues, { named, conditions, from }: Asked): Generator<DeviceEntry> {
  const isAhead = (id: string) => id > from.device || (id === from.device && from.metric !== '')
  for (const id of [...(named ?? devices.keys())].filter(isAhead).sort()) {
    const device = devices.get(id)
    if (device && matchesTags(conditions, device.tags)) yield [id, device]
  }
}

/** Reads on as long as it is asked to. Of a device that was let go, memory holds no more than what came in since. */
async function* fromStore(
  { store, drain }: LatestDeps,
  { named, conditions, from, limit }: Asked,
): AsyncGenerator<DeviceEntry> {
  await drain.settle(0, instantMax)
  const read = async (page: Parameters<TelemetryStore['latest']>[0]) => {
    const values = new LatestValues(Number.POSITIVE_INFINITY)
    const rows = await store.latest(page)
    values.load(rows)
    return { rows, devices: values.devices }
  }
  const matching = (devices: ReadonlyMap<string, LatestDevice>) =>
    devices.entries().filter(([, { tags }]) => matchesTags(conditions, tags))

  if (from.metric !== '') yield* matching((await read({ devices: [from.device], limit: 1 })).devices)
  let after: string | undefined = from.device
  let atOnce = Math.min(limit + 1, devicesAtFirst)
  while (after !== undefined) {
    const { rows, devices } = await read({ ...(named && { devices: named }), after, limit: atOnce })
    yield* matching(devices)
    after = rows.at(-1)?.device
    // Devices with very many metrics come few at once, so that what is read stays about as large as a page.
    atOnce = Math.min(limit + 1, Math.max(1, Math.floor((valuesMax * devices.size) / rows.length)))
  }
}
