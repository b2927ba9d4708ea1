import { createLoop, type Loop } from '../core/loop.ts'
import { microsPerHour } from './instant.ts'
import type { LatestValues } from './latest-values.ts'
import type { DeviceHour, RollUpColumns, TelemetryStore } from './ports.ts'
import { type Block, type BlockSize, packKey, type RollUpCache, spanHours } from './roll-up-cache.ts'

/** Blocks that a query would have liked to find. */
export interface Wish {
  size: BlockSize
  span: number
  devices: string[]
}

export interface WarmerDeps {
  store: TelemetryStore
  cache: RollUpCache
  latest: LatestValues
  now(): number
  onError(cause: unknown): void
}

/** Reads roll-ups into memory in the background, so that no query ever waits for it. */
export interface Warmer extends Loop {
  /** Asks for blocks; they come before all others. */
  wish(wish: Wish): void
  /** Asks for hours that were rolled up anew, and their days. */
  wishHours(hours: readonly DeviceHour[]): void
  /** Begins anew: the cache was cleared. */
  refill(): void
  /** Whether all that fits has been read. */
  idle(): boolean
  /** Reads all that fits, now. */
  warmAll(): Promise<void>
}

const pauseMs = 10
const wishesMax = 1000
const devicesAStep = 25
const blockBytes = 60 * 32

/**
 * First what queries asked for in vain, then, from the newest back, the days of hours and the hours of minutes, until
 * all is read or the cache is full; then it rests until something is wished. Steps are small: each holds up the event loop
 * for a few milliseconds.
 */
export function createWarmer(deps: WarmerDeps): Warmer {
  const wishes = new Map<string, Wish>()
  let plan: Generator<Wish> | undefined
  let finished = false

  const step = async (): Promise<void> => {
    const [wished] = wishes
    if (wished) wishes.delete(wished[0])
    plan ??= fillPlan(deps)
    const next = wished?.[1] ?? (finished ? undefined : (plan.next().value as Wish | undefined))
    if (next) await load(deps, next)
    else finished = true
  }
  const idle = () => finished && wishes.size === 0

  const loop = createLoop({
    pauseMs,
    async run() {
      await step()
      if (!idle()) loop.wake()
    },
    onError: deps.onError,
  })
  const wish = (wished: Wish) => {
    for (let i = 0; i < wished.devices.length && wishes.size < wishesMax; i += devicesAStep) {
      const devices = wished.devices.slice(i, i + devicesAStep)
      wishes.set(`${wished.size} ${wished.span} ${devices.join(' ')}`, { ...wished, devices })
    }
    loop.wake()
  }

  return {
    stop: loop.stop,
    start() {
      loop.start()
      loop.wake()
    },
    wish,
    wishHours(hours) {
      for (const size of ['1h', '1m'] as const) {
        const spans = Map.groupBy(hours, ({ hour }) => Math.floor(hour / spanHours[size]))
        for (const [span, pairs] of spans)
          wish({ size, span, devices: [...new Set(pairs.map(({ device }) => device))] })
      }
    },
    refill() {
      plan = undefined
      finished = false
      loop.wake()
    },
    idle,
    async warmAll() {
      while (!idle()) await step()
    },
  }
}

/** How far back memory is filled: one frame dated 1970 must not make it walk through half a century of nothing. */
const spansMax = { '1h': 5 * 366, '1m': 31 * 24 }

/** Spans from the newest back to the first that holds anything, within bounds and while there is room. */
function* fillPlan({ cache, latest, now }: WarmerDeps): Generator<Wish> {
  const first = latest.devices.values().reduce((min, { since }) => Math.min(min, since), now() * 1000)
  for (const size of ['1h', '1m'] as const) {
    const width = spanHours[size] * microsPerHour
    const newest = latest.devices.values().reduce((max, { at }) => Math.max(max, at), 0)
    const last = Math.floor(newest / width)
    for (let span = last; span >= Math.max(Math.floor(first / width), last - spansMax[size]); span--) {
      const holds = ({ since, at }: { since: number; at: number }) => since < (span + 1) * width && at >= span * width
      const devices = [...latest.devices].filter(([, device]) => holds(device)).map(([id]) => id)
      for (let i = 0; i < devices.length; i += devicesAStep) {
        if (!cache.hasRoomFor(devicesAStep * blockBytes)) return
        yield { size, span, devices: devices.slice(i, i + devicesAStep) }
      }
    }
  }
}

async function load({ store, cache, latest }: WarmerDeps, { size, span, devices }: Wish): Promise<void> {
  const epoch = cache.epoch
  const width = spanHours[size] * microsPerHour
  const columns = await store.rollUps(size, { devices, from: span * width, to: (span + 1) * width })
  const found = new Map(columns.map((column) => [`${column.device} ${column.metric}`, column]))
  for (const device of devices) {
    const blocks = new Map<string, Block>()
    const metrics = [...(latest.devices.get(device)?.metrics.keys() ?? [])]
    for (const metric of metrics) {
      const block = blockOf(found.get(`${device} ${metric}`))
      if (block) blocks.set(metric, block)
    }
    // All of a device's or none: where one is, none of the others has rows that nobody knows of.
    if (blocks.size === metrics.length) cache.put(size, span, device, blocks, epoch)
  }
}

const empty: Block = { keys: new Uint32Array(), values: new Float64Array(), tagSets: [] }

/** A series without rows in the span is known to have none; undefined: it doesn't fit the form. */
function blockOf(columns: RollUpColumns | undefined): Block | undefined {
  if (!columns) return empty
  const { slots, kinds, counts, sums, mins, maxs } = columns
  const tagSets = [...new Set(columns.tagSets)]
  const keys = new Uint32Array(slots.length * 2)
  const values = new Float64Array(slots.length * 3)
  for (let i = 0; i < slots.length; i++) {
    const tagSet = tagSets.length === 1 ? 0 : tagSets.indexOf(columns.tagSets[i]!)
    const key = packKey({ slot: slots[i]!, kind: kinds[i]!, tagSet, count: counts[i]! })
    if (key === undefined) return undefined
    keys.set(key, i * 2)
    values.set([sums[i]!, mins[i]!, maxs[i]!], i * 3)
  }
  return { keys, values, tagSets }
}
