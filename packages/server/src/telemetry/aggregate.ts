import type { DirtyHours } from './dirty-hours.ts'
import { type Micros, microsPerHour } from './instant.ts'
import type { LatestValues } from './latest-values.ts'
import { gather, Partials } from './partials.ts'
import type { AggregatePlan, AggregateRow, DirtySet, PlacedRow, Stretch, TelemetryStore } from './ports.ts'
import { type Block, type BlockSize, columnCount, columns, hoursOf, type RollUpCache } from './roll-up-cache.ts'
import { matchesTags } from './tag-filter.ts'
import type { TagSets } from './tag-sets.ts'

export interface AggregateDeps {
  store: TelemetryStore
  dirty: DirtyHours
  latest: LatestValues
  cache: RollUpCache
  tagSets: TagSets
}

/** Beyond this many blocks the store, which reads rows in bulk and with many threads, is the quicker. */
const blocksMax = 20_000
const devicesMax = 2000

/**
 * Answers a plan: from blocks of roll-ups in memory where it can, reading only edges and dirty hours from the store;
 * else from the store alone.
 */
export async function aggregate(deps: AggregateDeps, plan: AggregatePlan): Promise<AggregateRow[]> {
  const devices = devicesOf(deps.latest, plan)
  const rolled = plan.stretches.filter(({ source }) => source !== 'raw')
  if (!devices || rolled.length === 0 || blocksNeeded(plan, devices, rolled) > blocksMax)
    return deps.store.aggregate(plan)

  const merge = createMerge(deps, plan)
  const raw = plan.stretches.filter(({ source }) => source === 'raw')
  const edges = raw.length === 0 ? [] : deps.store.partials({ ...plan, stretches: raw })
  for (const stretch of rolled) await mergeBlocks(deps, plan, devices, stretch, merge)
  for (const row of await edges) merge.row(row.metric, row.device, row.tagSet, row.at, row)
  return merge.incomplete() ? deps.store.aggregate(plan) : merge.rows()
}

/** The devices to look at, if they are all known and not too many. */
function devicesOf(latest: LatestValues, plan: AggregatePlan): string[] | undefined {
  if (plan.devices) return plan.devices
  if (!latest.complete || latest.devices.size > devicesMax) return undefined
  return [...latest.devices]
    .filter(([, { metrics }]) => plan.metrics.some((metric) => metrics.has(metric)))
    .map(([id]) => id)
}

function blocksNeeded(plan: AggregatePlan, devices: string[], stretches: Stretch[]): number {
  const spans = stretches.reduce((sum, stretch) => sum + spansOf(stretch).length, 0)
  return spans * devices.length * plan.metrics.length
}

/** The spans of blocks that a stretch touches, by number. */
function spansOf({ source, from, to }: Stretch): number[] {
  const width = hoursOf[source as BlockSize] * microsPerHour
  const first = Math.floor(from / width)
  return Array.from({ length: Math.ceil(to / width) - first }, (_, i) => first + i)
}

type Merge = ReturnType<typeof createMerge>

function createMerge({ tagSets }: AggregateDeps, plan: AggregatePlan) {
  const byMetric = new Map(plan.metrics.map((metric) => [metric, new Partials()]))
  const wanted = new Map<string, boolean>()
  let incomplete = false

  const wants = (tagSet: string): boolean => {
    let answer = wanted.get(tagSet)
    if (answer === undefined) {
      const tags = tagSets.get(tagSet)
      if (!tags && (plan.tags || plan.byTags.length > 0)) incomplete = true
      answer = !plan.tags || matchesTags(plan.tags, tags ?? {})
      wanted.set(tagSet, answer)
    }
    return answer
  }
  const groupOf = (metric: string, device: string, tagSet: string) => {
    const own = plan.byDevice ? device : undefined
    const tags = plan.byTags.map((key) => tagSets.get(tagSet)?.[key] ?? null)
    return byMetric.get(metric)!.group(tags.length === 0 ? (own ?? '') : JSON.stringify([own, tags]), own, tags)
  }

  return {
    wants,
    groupOf,
    bucketOf: bucketsOf(plan),
    incomplete: () => incomplete,
    row(metric: string, device: string, tagSet: string, bucket: Micros, row: PlacedRow) {
      if (wants(tagSet)) gather(groupOf(metric, device, tagSet), bucket, device, row)
    },
    rows: () => [...byMetric].flatMap(([metric, partials]) => partials.rows(metric, plan.aggregation)),
  }
}

function bucketsOf({ buckets, start }: AggregatePlan): (at: Micros) => Micros {
  if (buckets === 'one') return () => start
  if ('width' in buckets) return (at) => Math.floor(at / buckets.width) * buckets.width
  const { starts } = buckets
  return (at) => {
    let [low, high] = [0, starts.length - 1]
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (starts[middle]! <= at) low = middle
      else high = middle - 1
    }
    return starts[low]!
  }
}

async function mergeBlocks(
  deps: AggregateDeps,
  plan: AggregatePlan,
  devices: string[],
  stretch: Stretch,
  merge: Merge,
): Promise<void> {
  const size = stretch.source as BlockSize
  const spans = spansOf(stretch)
  const found = (device: string, metric: string, span: number) => deps.cache.get(size, span, device, metric)
  const missing = devices.some((device) =>
    plan.metrics.some((metric) => spans.some((span) => !found(device, metric, span))),
  )
  const loaded = missing ? await loadBlocks(deps, plan, devices, size, spans) : undefined
  const spoiled = spoiledBy(stretch.except)
  for (const device of devices) {
    for (const metric of plan.metrics) {
      for (const span of spans) {
        const block = loaded ? loaded.get(`${span} ${device} ${metric}`) : found(device, metric, span)
        if (block) mergeBlock(plan, merge, stretch, metric, device, block, spoiled)
      }
    }
  }
}

/** One read for all blocks of a stretch, whichever are missing: a query of many ranges costs more than it saves. */
async function loadBlocks(
  { store, cache }: AggregateDeps,
  plan: AggregatePlan,
  devices: string[],
  size: BlockSize,
  spans: number[],
) {
  const epoch = cache.epoch
  const width = hoursOf[size] * microsPerHour
  const { metrics } = plan
  const rows = await store.rollUps(size, { devices, metrics, from: spans[0]! * width, to: (spans.at(-1)! + 1) * width })
  const grouped = new Map<string, PlacedRow[]>()
  for (const row of rows) {
    const key = `${Math.floor(row.at / width)} ${row.device} ${row.metric}`
    const known = grouped.get(key)
    if (known) known.push(row)
    else grouped.set(key, [row])
  }
  const blocks = new Map<string, Block>()
  for (const device of devices) {
    for (const metric of metrics) {
      for (const span of spans) {
        const key = `${span} ${device} ${metric}`
        const block = blockOf(grouped.get(key) ?? [])
        blocks.set(key, block)
        cache.put(size, span, device, metric, block, epoch)
      }
    }
  }
  return blocks
}

function blockOf(rows: readonly PlacedRow[]): Block {
  const data = new Float64Array(rows.length * columnCount)
  const tagSets = [...new Set(rows.map((row) => row.tagSet))]
  for (const [i, row] of rows.entries()) {
    const { at, kind, tagSet, count, sum, min, max, first, firstAt, last, lastAt } = row
    data.set([at, kind, tagSets.indexOf(tagSet), count, sum, min, max, first, firstAt, last, lastAt], i * columnCount)
  }
  return { rows: rows.length, data, tagSets }
}

/** Tells whether an hour of a device is dirty in this plan. */
function spoiledBy(except: DirtySet | undefined): ((device: string, hour: number) => boolean) | undefined {
  if (!except) return undefined
  if ('hours' in except) {
    const hours = new Set(except.hours)
    return (_device, hour) => hours.has(hour)
  }
  const pairs = new Set(except.pairs.map(({ device, hour }) => `${hour} ${device}`))
  return (device, hour) => pairs.has(`${hour} ${device}`)
}

function mergeBlock(
  plan: AggregatePlan,
  merge: Merge,
  { from, to }: Stretch,
  metric: string,
  device: string,
  { rows, data, tagSets }: Block,
  spoiled: ((device: string, hour: number) => boolean) | undefined,
): void {
  const groups = tagSets.map((tagSet) => (merge.wants(tagSet) ? merge.groupOf(metric, device, tagSet) : undefined))
  if (groups.every((group) => group === undefined)) return
  for (let offset = 0; offset < rows * columnCount; offset += columnCount) {
    const at = data[offset + columns.t]!
    const kind = data[offset + columns.kind]!
    const group = groups[data[offset + columns.tagSet]!]
    if (!group || at < from || at >= to || (kind > 2 && plan.aggregation !== 'count')) continue
    if (spoiled?.(device, Math.floor(at / microsPerHour))) continue
    gather(group, merge.bucketOf(at), device, {
      kind,
      count: data[offset + columns.count]!,
      sum: data[offset + columns.sum]!,
      min: data[offset + columns.min]!,
      max: data[offset + columns.max]!,
      first: data[offset + columns.first]!,
      firstAt: data[offset + columns.firstAt]!,
      last: data[offset + columns.last]!,
      lastAt: data[offset + columns.lastAt]!,
    })
  }
}
