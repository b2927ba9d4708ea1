import type { Input, Output } from '@nexus/contract'
import type { Ctx } from '../core/context.ts'
import { decodeCursor, page } from '../core/paging.ts'
import type { Drain } from './drain.ts'
import { formatInstant, instantMax } from './instant.ts'
import { type LatestDevice, LatestValues } from './latest-values.ts'
import { toValue } from './point.ts'
import type { TelemetryStore } from './ports.ts'
import { readList } from './question.ts'
import { matchesTags, parseTagFilter, type TagCondition } from './tag-filter.ts'

export interface LatestDeps {
  latest: LatestValues
  store: TelemetryStore
  drain: Drain
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

  const known = deps.latest.complete ? deps.latest.devices : await fromStore(deps, { named, conditions, after, limit })
  const ids = (named ?? [...known.keys()]).filter((id) => {
    const device = known.get(id)
    return device !== undefined && (after === undefined || id > after) && matchesTags(conditions, device.tags)
  })
  const { rows, next } = page(ids.sort(), limit, (id) => [id])
  return { devices: rows.map((id) => describe(id, known.get(id)!, metrics)), next_cursor: next }
}

interface Page {
  named: string[] | undefined
  conditions: TagCondition[]
  after: string | undefined
  limit: number
}

/** Reads on until the page is full. Of a device that was let go, memory holds no more than what came in since. */
async function fromStore({ store, drain }: LatestDeps, { named, conditions, limit, ...page }: Page) {
  await drain.settle(0, instantMax)
  const matching = new Map<string, LatestDevice>()
  for (let { after } = page; matching.size <= limit; ) {
    const rows = await store.latest({ ...(named && { devices: named }), ...(after !== undefined && { after }), limit })
    after = rows.at(-1)?.device
    if (after === undefined) break
    const read = new LatestValues(Number.POSITIVE_INFINITY)
    read.load(rows)
    for (const [id, device] of read.devices) if (matchesTags(conditions, device.tags)) matching.set(id, device)
  }
  return matching
}

function describe(id: string, device: LatestDevice, metrics: string[] | undefined): Device {
  const names = metrics ? metrics.filter((name) => device.metrics.has(name)) : [...device.metrics.keys()]
  const values = names.map((name) => {
    const { at, kind, num, str } = device.metrics.get(name)!
    return [name, { value: toValue(kind, num, str), type: kind, timestamp: formatInstant(at) }] as const
  })
  return { device_id: id, tags: device.tags, metadata: device.metadata, metrics: Object.fromEntries(values) }
}
