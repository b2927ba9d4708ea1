import type { Output } from '@nexus/contract'
import { formatInstant } from './instant.ts'
import type { LatestDevice, LatestValue } from './latest-values.ts'
import { toValue } from './point.ts'

/** Where a page begins: after a device and, unless `metric` is empty, inside of it after that metric. */
export interface LatestPosition {
  device: string
  metric: string
}

export interface LatestPage {
  devices: Output<'telemetry.latest'>['devices']
  /** Where the next page begins; undefined: this was the last. */
  next: LatestPosition | undefined
}

export type DeviceEntry = readonly [id: string, device: LatestDevice]

/** What a page may hold. */
export const valuesMax = 10_000

/**
 * Cuts a page of at most `limit` devices and `valuesMax` values from devices in order, and takes no more of them than
 * that. A device that doesn't fit any more begins the next page; only one that would fill more than a page by itself is
 * given in parts, by name of metric.
 */
export async function cutPage(
  devices: Iterable<DeviceEntry> | AsyncIterable<DeviceEntry>,
  { limit, metrics, from }: { limit: number; metrics: string[] | undefined; from: LatestPosition },
): Promise<LatestPage> {
  const page: LatestPage = { devices: [], next: undefined }
  let room = valuesMax
  for await (const [id, device] of devices) {
    const last = page.devices.at(-1)
    const all = (metrics ?? [...device.metrics.keys()]).filter((name) => device.metrics.has(name)).sort()
    const names = id === from.device ? all.filter((name) => name > from.metric) : all
    const { count, weight } = fitting(device, names, room)
    const whole = count === names.length
    if (last && (!whole || page.devices.length === limit))
      return { ...page, next: { device: last.device_id, metric: '' } }
    page.devices.push(describe(id, device, names.slice(0, count)))
    if (!whole) return { ...page, next: { device: id, metric: names[count - 1]! } }
    room -= weight
  }
  return page
}

/** How many of the values fit. */
function fitting(device: LatestDevice, names: readonly string[], room: number): { count: number; weight: number } {
  let weight = 0
  for (const [count, name] of names.entries()) {
    const more = weightOf(device.metrics.get(name)!)
    if (weight + more > room) return { count, weight }
    weight += more
  }
  return { count: names.length, weight }
}

/** Long texts count once more for each KiB. */
function weightOf({ str }: LatestValue): number {
  return 1 + (str.length >>> 10)
}

function describe(id: string, device: LatestDevice, names: readonly string[]): LatestPage['devices'][number] {
  const values = names.map((name) => {
    const { at, kind, num, str } = device.metrics.get(name)!
    return [name, { value: toValue(kind, num, str), type: kind, timestamp: formatInstant(at) }] as const
  })
  return { device_id: id, tags: device.tags, metadata: device.metadata, metrics: Object.fromEntries(values) }
}
