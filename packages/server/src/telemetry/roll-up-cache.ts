import type { DeviceHour } from './ports.ts'

/** The columns of a block's rows. */
export const columns = {
  t: 0,
  kind: 1,
  tagSet: 2,
  count: 3,
  sum: 4,
  min: 5,
  max: 6,
  first: 7,
  firstAt: 8,
  last: 9,
  lastAt: 10,
} as const
export const columnCount = 11

/** Roll-up rows of one metric of one device: an hour of minutes, or a day of hours. */
export interface Block {
  rows: number
  /** Row after row, `columnCount` numbers each; instants in microseconds. */
  data: Float64Array
  /** The ids that the column `tagSet` points into. */
  tagSets: string[]
}

export type BlockSize = '1m' | '1h'

/** How many hours a block spans. */
export const hoursOf: Record<BlockSize, number> = { '1m': 1, '1h': 24 }

const overheadBytes = 200

/**
 * Roll-ups that queries have read before. A block is dropped as soon as one of its hours is marked dirty, and again when
 * that hour has been rolled up anew, so that what is here is what the store would say. The least recently used give way.
 */
export class RollUpCache {
  readonly #bytesMax: number
  /** By device, size and span; then by metric. */
  readonly #spans = new Map<string, Map<string, Block>>()
  #bytes = 0
  #epoch = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** Changes whenever hours have changed: what was read from the store before may be old. */
  get epoch(): number {
    return this.#epoch
  }

  get(size: BlockSize, span: number, device: string, metric: string): Block | undefined {
    return this.#spans.get(`${size} ${span} ${device}`)?.get(metric)
  }

  /** Keeps what was read since `epoch`, unless hours have changed meanwhile. */
  put(size: BlockSize, span: number, device: string, metric: string, block: Block, epoch: number): void {
    if (epoch !== this.#epoch || this.#bytesMax === 0) return
    const key = `${size} ${span} ${device}`
    const metrics = this.#spans.get(key) ?? new Map<string, Block>()
    this.#bytes += bytesOf(block) - (metrics.has(metric) ? bytesOf(metrics.get(metric)!) : 0)
    metrics.set(metric, block)
    // Moved to the end: the map's order is that of the last writes.
    this.#spans.delete(key)
    this.#spans.set(key, metrics)
    for (const oldest of this.#spans.keys()) {
      if (this.#bytes <= this.#bytesMax) break
      this.#drop(oldest)
    }
  }

  /** Forgets the blocks of hours that have changed. */
  drop(hours: readonly DeviceHour[]): void {
    if (hours.length === 0) return
    this.#epoch++
    for (const { device, hour } of hours) {
      this.#drop(`1m ${hour} ${device}`)
      this.#drop(`1h ${Math.floor(hour / hoursOf['1h'])} ${device}`)
    }
  }

  /** Forgets everything: metrics have expired. */
  clear(): void {
    this.#epoch++
    this.#spans.clear()
    this.#bytes = 0
  }

  #drop(key: string): void {
    const metrics = this.#spans.get(key)
    if (!metrics) return
    for (const block of metrics.values()) this.#bytes -= bytesOf(block)
    this.#spans.delete(key)
  }
}

function bytesOf(block: Block): number {
  return block.data.byteLength + overheadBytes
}
