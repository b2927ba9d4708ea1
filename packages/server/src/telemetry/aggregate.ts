import { metricTypes } from '@nexus/contract'
import type { Ctx } from '../core/context.ts'
import { matchesTags } from '../core/tag-filter.ts'
import { Turns } from '../core/turns.ts'
import type { DirtyHours } from './dirty-hours.ts'
import { type Micros, microsPerHour } from './instant.ts'
import type { LatestValues } from './latest-values.ts'
import { type Buckets, bucketsOf, gatherable, outside, PartialGroup } from './partials.ts'
import type { AggregatePlan, AggregateRow, DirtySet, Stretch, TelemetryStore } from './ports.ts'
import {
  type Block,
  type BlockSize,
  kindOf,
  type RollUpCache,
  slotMicros,
  slotOf,
  slotsMax,
  spanHours,
  tagSetOf,
} from './roll-up-cache.ts'
import type { TagSets } from './tag-sets.ts'
import type { Warmer } from './warmer.ts'

export interface AggregateDeps {
  store: TelemetryStore
  dirty: DirtyHours
  latest: LatestValues
  cache: RollUpCache
  tagSets: TagSets
  warmer: Warmer
}

/** Beyond this many blocks the store, which reads rows in bulk and with many threads, is the quicker. */
const blocksMax = 20_000
const devicesMax = 2000

/**
 * Answers a plan: from roll-ups in memory where all of them are there, reading only edges and dirty hours from the
 * store; else from the store alone, and wishes for what was missing.
 */
export async function aggregate(deps: AggregateDeps, { signal }: Ctx, plan: AggregatePlan): Promise<AggregateRow[]> {
  const devices = gatherable.includes(plan.aggregation) ? devicesOf(deps.latest, plan) : undefined
  const rolled = plan.stretches.filter(({ source }) => source !== 'raw')
  if (!devices || rolled.length === 0 || blocksNeeded(plan, devices, rolled) > blocksMax)
    return deps.store.aggregate(plan, signal)

  const turns = new Turns(signal)
  const merge = new Merge(deps.tagSets, plan)
  const asked = devices.map((device) => askedOf(deps, plan, device))
  for (const stretch of rolled)
    if (!mergeBlocks(deps, plan, asked, stretch, merge)) return deps.store.aggregate(plan, signal)
  const raw = plan.stretches.filter(({ source }) => source === 'raw')
  if (raw.length > 0) {
    const partials = await deps.store.partials({ ...plan, stretches: raw }, signal)
    // There may be more of them than were let through: the store merges what does not fit here.
    if (partials.length >= plan.rowsMax) return deps.store.aggregate(plan, signal)
    for (const { metric, device, tagSet, at, count, sum, min, max } of partials) {
      const group = merge.groupOf(metric, device, tagSet)
      group?.gather(merge.buckets.indexOf(at), count, sum, min, max)
      const turn = turns.after(1)
      if (turn) await turn
    }
  }
  return merge.unfit ? deps.store.aggregate(plan, signal) : merge.rows(turns)
}

/** The devices to look at, if they are all known and not too many. */
function devicesOf(latest: LatestValues, plan: AggregatePlan): string[] | undefined {
  if (!latest.complete) return undefined
  if (plan.devices) return plan.devices
  if (latest.devices.size > devicesMax) return undefined
  return [...latest.devices]
    .filter(([, { metrics }]) => plan.metrics.some((metric) => metrics.has(metric)))
    .map(([id]) => id)
}

function blocksNeeded(plan: AggregatePlan, devices: string[], stretches: Stretch[]): number {
  return stretches.reduce((sum, stretch) => sum + spansOf(stretch).length, 0) * devices.length * plan.metrics.length
}

/** The spans of blocks that a stretch touches, by number. */
function spansOf({ source, from, to }: Stretch): number[] {
  const width = spanHours[source as BlockSize] * microsPerHour
  const first = Math.floor(from / width)
  return Array.from({ length: Math.ceil(to / width) - first }, (_, i) => first + i)
}

/** Brings rows of any origin to the groups and buckets of a plan. */
class Merge {
  readonly buckets: Buckets
  /** True: this can't be merged here, for tags are not known or the groups are too many. */
  unfit = false
  readonly #plan: AggregatePlan
  readonly #tagSets: TagSets
  readonly #byMetric: Map<string, Map<string, PartialGroup>>
  /** Null: the plan filters them out. */
  readonly #keys = new Map<string, TagKey | null>()
  readonly #excluded = new Map<readonly string[], boolean>()
  #cells = 0

  constructor(tagSets: TagSets, plan: AggregatePlan) {
    this.#tagSets = tagSets
    this.#plan = plan
    this.#byMetric = new Map(plan.metrics.map((metric) => [metric, new Map()]))
    this.buckets = bucketsOf(plan)
  }

  /** The group of rows of a series under a tag set; undefined if the plan filters them out. */
  groupOf(metric: string, device: string, tagSet: string): PartialGroup | undefined {
    const tagKey = this.#tagKeyOf(tagSet)
    if (!tagKey) return undefined
    const own = this.#plan.byDevice ? device : undefined
    const key = tagKey.text === '' ? (own ?? '') : `${tagKey.text} ${own}`
    const groups = this.#byMetric.get(metric)!
    return groups.get(key) ?? this.#open(groups, key, own, tagKey.tags)
  }

  /** Whether the plan filters out all rows of these tag sets. */
  excludes(tagSets: readonly string[]): boolean {
    let excluded = this.#excluded.get(tagSets)
    if (excluded === undefined) {
      excluded = tagSets.every((tagSet) => !this.#tagKeyOf(tagSet))
      this.#excluded.set(tagSets, excluded)
    }
    return excluded
  }

  async rows(turns: Turns): Promise<AggregateRow[]> {
    const { aggregation } = this.#plan
    const rows: AggregateRow[][] = []
    for (const [metric, groups] of this.#byMetric) {
      for (const group of groups.values()) {
        rows.push(group.rows(metric, aggregation, this.buckets))
        await turns.after(this.buckets.count)
      }
    }
    return rows.flat()
  }

  #open(groups: Map<string, PartialGroup>, key: string, device: string | undefined, tags: TagKey['tags']) {
    this.#cells += this.buckets.count
    if (this.#cells > this.#plan.rowsMax) this.unfit = true
    if (this.unfit) return undefined
    const group = new PartialGroup(this.buckets.count, device, tags)
    groups.set(key, group)
    return group
  }

  #tagKeyOf(tagSet: string): TagKey | undefined {
    let key = this.#keys.get(tagSet)
    if (key === undefined) {
      key = this.#readTags(tagSet)
      this.#keys.set(tagSet, key)
    }
    return key ?? undefined
  }

  #readTags(tagSet: string): TagKey | null {
    const { tags: conditions, byTags } = this.#plan
    const known = this.#tagSets.get(tagSet)
    if (!known && (conditions || byTags.length > 0)) this.unfit = true
    if (conditions && !matchesTags(conditions, known ?? {})) return null
    const tags = byTags.map((key) => known?.[key] ?? null)
    return { tags, text: tags.length === 0 ? '' : JSON.stringify(tags) }
  }
}

/** What groups by tag the rows of a tag set fall into. */
interface TagKey {
  tags: (string | null)[]
  /** Tells it from all others. */
  text: string
}

/** What a plan asks of a device. */
interface Asked {
  device: string
  /** Those that the device has. */
  metrics: string[]
}

function askedOf({ latest }: AggregateDeps, plan: AggregatePlan, device: string): Asked {
  const known = latest.devices.get(device)?.metrics
  return { device, metrics: plan.metrics.filter((metric) => known?.has(metric)) }
}

/** False if a block is missing: then the merge is of no use, and what is missing has been wished for. */
function mergeBlocks(
  deps: AggregateDeps,
  plan: AggregatePlan,
  asked: readonly Asked[],
  stretch: Stretch,
  merge: Merge,
): boolean {
  const size = stretch.source as BlockSize
  const spoiled = spoiledBy(stretch.except)
  let complete = true
  for (const span of spansOf(stretch)) {
    const missing: string[] = []
    const inSpan = deps.cache.at(size, span)
    const hour = span * spanHours[size]
    const buckets = bucketsOfSlots(size, hour * microsPerHour, stretch, merge.buckets)
    for (const { device, metrics } of asked) {
      const blocks = inSpan?.get(device)
      if (blocks && merge.excludes(blocks.tagSets)) continue
      for (const metric of metrics) {
        const block = blocks?.byMetric.get(metric)
        if (block) {
          const wanted = spoiled ? clean(buckets, size, hour, device, spoiled) : buckets
          mergeBlock(plan, merge, block, metric, device, wanted)
        } else if (missing.at(-1) !== device) missing.push(device)
      }
    }
    if (missing.length > 0) {
      deps.warmer.wish({ size, span, devices: missing })
      complete = false
    }
  }
  return complete
}

/** Numbers and booleans come first among the types. */
const numericKinds = 2

/** Which bucket each slot of a span falls into; `outside` for those that the stretch leaves out. */
function bucketsOfSlots(size: BlockSize, begin: Micros, { from, to }: Stretch, buckets: Buckets): Int32Array {
  const found = new Int32Array(slotsMax[size])
  for (let slot = 0; slot < found.length; slot++) {
    const at = begin + slot * slotMicros[size]
    found[slot] = at < from || at >= to ? outside : buckets.indexOf(at)
  }
  return found
}

/** The same without the dirty hours of a device. */
function clean(buckets: Int32Array, size: BlockSize, hour: number, device: string, spoiled: Spoiled): Int32Array {
  const slotsAnHour = size === '1m' ? slotsMax['1m'] : 1
  return buckets.map((bucket, slot) => (spoiled(device, hour + Math.floor(slot / slotsAnHour)) ? outside : bucket))
}

type Spoiled = (device: string, hour: number) => boolean

/** Tells whether an hour of a device is dirty in this plan. */
function spoiledBy(except: DirtySet | undefined): Spoiled | undefined {
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
  block: Block,
  metric: string,
  device: string,
  buckets: Int32Array,
): void {
  const kindMax = plan.aggregation === 'count' ? metricTypes.length : numericKinds
  const { keys, values, tagSets } = block
  const groups = tagSets.map((tagSet) => merge.groupOf(metric, device, tagSet))
  if (groups.length === 1) groups[0]?.gatherBlock(block, buckets, kindMax)
  else
    for (let i = 0, at = 0; i < keys.length; i += 2, at += 3) {
      const key = keys[i]!
      const bucket = buckets[slotOf(key)]!
      if (bucket === outside || kindOf(key) > kindMax) continue
      groups[tagSetOf(key)]?.gather(bucket, keys[i + 1]!, values[at]!, values[at + 1]!, values[at + 2]!)
    }
}
