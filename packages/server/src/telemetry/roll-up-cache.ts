import type { DeviceHour } from './ports.ts'

/**
 * Roll-up rows of one metric of one device: an hour of minutes, or a day of hours. 32 bytes a row, so that a day of a
 * thousand series by the minute takes fifty megabytes.
 */
export interface Block {
  /** Two numbers a row: `slot | kind << 6 | tagSet << 9`, and the count. */
  keys: Uint32Array
  /** Three numbers a row: sum, minimum, maximum. */
  values: Float64Array
  /** The ids that rows point into. */
  tagSets: readonly string[]
}

/** The blocks of a device in one span, by metric. */
export interface DeviceBlocks {
  /** Of all of its rows, whatever the metric. */
  tagSets: readonly string[]
  byMetric: ReadonlyMap<string, Block>
}

export interface BlockRow {
  /** Which minute of the hour, or hour of the day. */
  slot: number
  kind: number
  tagSet: number
  count: number
}

export type BlockSize = '1m' | '1h'

/** How many hours a block spans, and how long its slots are. */
export const spanHours: Record<BlockSize, number> = { '1m': 1, '1h': 24 }
export const slotMicros: Record<BlockSize, number> = { '1m': 60_000_000, '1h': 3_600_000_000 }
export const slotsMax: Record<BlockSize, number> = { '1m': 60, '1h': 24 }

const tagSetsMax = 1 << 23

/** Packs what a row is; undefined if a number is too large for its bits. */
export function packKey({ slot, kind, tagSet, count }: BlockRow): [number, number] | undefined {
  if (tagSet >= tagSetsMax || count > 0xffffffff) return undefined
  return [(slot | (kind << 6) | (tagSet << 9)) >>> 0, count]
}

export const slotOf = (key: number) => key & 0x3f
export const kindOf = (key: number) => (key >>> 6) & 0x7
export const tagSetOf = (key: number) => key >>> 9

const overheadBytes = 400
const tagSetsKnownMax = 100_000
/** Longer lists are hardly ever the same. */
const listKnownMax = 4
const tagSetBytes = 40

/**
 * Roll-ups in memory. A block is dropped as soon as one of its hours is marked dirty, and again when that hour has been
 * rolled up anew, so that what is here is what the store would say. When it is full, the blocks that were put first go.
 */
export class RollUpCache {
  readonly #bytesMax: number
  /** Each list of tag sets once: a query looks at them by the thousand, and nearly always finds the same. */
  readonly #tagSets = new Map<string, readonly string[]>()
  /** By size and span, by device. */
  readonly #spans = new Map<string, Map<string, DeviceBlocks>>()
  #bytes = 0
  #epoch = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Changes whenever hours have changed: what was read from the store before may be old. */
  get epoch(): number {
    return this.#epoch
  }

  /** What is there of a span, by device. */
  at(size: BlockSize, span: number): ReadonlyMap<string, DeviceBlocks> | undefined {
    return this.#spans.get(keyOf(size, span))
  }

  /** Whether a block of these bytes fits without another one going. */
  hasRoomFor(bytes: number): boolean {
    return this.#bytes + bytes <= this.#bytesMax
  }

  /** Keeps the blocks of all metrics of a device that were read since `epoch`, unless hours have changed meanwhile. */
  put(size: BlockSize, span: number, device: string, blocks: ReadonlyMap<string, Block>, epoch: number): void {
    if (epoch !== this.#epoch) return
    const key = keyOf(size, span)
    this.#drop(key, device)
    const byMetric = new Map<string, Block>()
    const union = new Set<string>()
    for (const [metric, block] of blocks) {
      for (const tagSet of block.tagSets) union.add(tagSet)
      byMetric.set(metric, { ...block, tagSets: this.#known(block.tagSets) })
      this.#bytes += bytesOf(block)
    }
    const devices = this.#spans.get(key) ?? new Map()
    this.#spans.set(key, devices.set(device, { tagSets: this.#known([...union]), byMetric }))
    while (this.#bytes > this.#bytesMax) this.#dropOldest()
  }

  /** Forgets the blocks of hours that have changed. */
  drop(hours: readonly DeviceHour[]): void {
    if (hours.length === 0) return
    this.#epoch++
    for (const { device, hour } of hours) {
      this.#drop(keyOf('1m', hour), device)
      this.#drop(keyOf('1h', Math.floor(hour / spanHours['1h'])), device)
    }
  }

  /** Forgets everything: metrics have expired. */
  clear(): void {
    this.#epoch++
    this.#spans.clear()
    this.#bytes = 0
  }

  #known(tagSets: readonly string[]): readonly string[] {
    if (tagSets.length > listKnownMax) return tagSets
    const text = tagSets.join(' ')
    const known = this.#tagSets.get(text)
    if (known !== undefined) return known
    if (this.#tagSets.size >= tagSetsKnownMax) this.#tagSets.clear()
    this.#tagSets.set(text, tagSets)
    return tagSets
  }

  #dropOldest(): void {
    for (const [key, devices] of this.#spans) {
      for (const device of devices.keys()) {
        this.#drop(key, device)
        return
      }
    }
  }

  #drop(key: string, device: string): void {
    const devices = this.#spans.get(key)
    const blocks = devices?.get(device)
    if (!devices || !blocks) return
    for (const block of blocks.byMetric.values()) this.#bytes -= bytesOf(block)
    devices.delete(device)
    if (devices.size === 0) this.#spans.delete(key)
  }
}

function keyOf(size: BlockSize, span: number): string {
  return `${size} ${span}`
}

function bytesOf(block: Block): number {
  return block.keys.byteLength + block.values.byteLength + block.tagSets.length * tagSetBytes + overheadBytes
}
