import { metricTypes } from '@nexus/contract'
import type { Point, ReadFrame } from '../../telemetry/ports.ts'
import { toDecimal } from './decimal.ts'
import type { LabelSet } from './label-sets.ts'
import {
  arrayColumn,
  Int8s,
  Int64s,
  int8Column,
  int64Column,
  lowCardinalityColumn,
  NativeWriter,
  nativeBlock,
  Texts,
  textColumn,
} from './native-block.ts'
import { columnHead, type NativeReader } from './native-reader.ts'

const kindCodes = new Map(metricTypes.map((kind, i) => [kind, i + 1]))

/**
 * The one place that knows the columns of accepted frames: `device, ts, tag_set, metadata_set, metric[], mantissa[],
 * scale[], kind[], str[]`. They are made here and never taken from a client, so that no payload can be read as anything
 * but values. Frames of numbers alone, the most common, leave `kind` and `str` empty.
 */
export class FrameBlock {
  readonly #to = new NativeWriter()
  readonly #scales = new MetricScales()
  readonly #devices = new Texts()
  readonly #at = new Int64s()
  readonly #tagSets = new Int64s()
  readonly #metadataSets = new Int64s()
  readonly #names = new Texts()
  readonly #metrics = new Map<string, { index: number; scale: number }>()
  readonly #pointEnds = new Int64s()
  readonly #mantissas = new Int64s()
  readonly #pointScales = new Int8s()
  readonly #typedEnds = new Int64s()
  readonly #kinds = new Int8s()
  readonly #strs: string[] = []
  #points = 0

  /** Begins anew with the room that the block before took. */
  clear(): void {
    for (const column of [this.#at, this.#tagSets, this.#metadataSets, this.#pointEnds, this.#mantissas]) column.clear()
    for (const column of [this.#devices, this.#names, this.#pointScales, this.#typedEnds, this.#kinds]) column.clear()
    this.#metrics.clear()
    this.#strs.length = 0
    this.#points = 0
  }

  add(frame: ReadFrame, tags: LabelSet, metadata: LabelSet): void {
    this.#devices.push(frame.deviceId)
    this.#at.push(frame.at)
    this.#tagSets.pushHalves(tags.low, tags.high)
    this.#metadataSets.pushHalves(metadata.low, metadata.high)
    let plain = true
    for (const point of frame.points) {
      this.#addPoint(point)
      if (point.kind !== 'number') plain = false
    }
    this.#points += frame.points.length
    this.#pointEnds.push(this.#points)
    if (!plain) {
      for (const { kind, str } of frame.points) {
        this.#kinds.push(kindCodes.get(kind)!)
        this.#strs.push(str)
      }
    }
    this.#typedEnds.push(this.#strs.length)
  }

  #addPoint({ metric, num }: Point): void {
    let known = this.#metrics.get(metric)
    if (!known) {
      known = { index: this.#names.indexOf(metric), scale: this.#scales.of(metric) }
      this.#metrics.set(metric, known)
    }
    const { mantissa, scale } = toDecimal(num, known.scale)
    if (scale > known.scale) known.scale = this.#scales.note(metric, scale)
    this.#names.pushIndex(known.index)
    if (typeof mantissa === 'number') this.#mantissas.push(mantissa)
    else this.#mantissas.pushBig(mantissa)
    this.#pointScales.push(scale)
  }

  /** Adds the frames of another block, as `finish` made it. */
  addBlock(from: NativeReader): void {
    const rows = from.block(9)
    from.column(heads.device)
    from.skipInt64s(1)
    from.lowCardinality(rows, this.#devices)
    from.column(heads.ts)
    from.int64s(rows, this.#at)
    from.column(heads.tag_set)
    from.int64s(rows, this.#tagSets)
    from.column(heads.metadata_set)
    from.int64s(rows, this.#metadataSets)
    from.column(heads.metric)
    from.skipInt64s(1)
    const points = from.ends(rows, this.#pointEnds, this.#points)
    from.lowCardinality(points, this.#names)
    from.column(heads.mantissa)
    from.skipInt64s(rows)
    from.int64s(points, this.#mantissas)
    from.column(heads.scale)
    from.skipInt64s(rows)
    from.int8s(points, this.#pointScales)
    from.column(heads.kind)
    const typed = from.ends(rows, this.#typedEnds, this.#strs.length)
    from.int8s(typed, this.#kinds)
    from.column(heads.str)
    from.skipInt64s(rows)
    from.texts(typed, this.#strs)
    this.#points += points
  }

  /** Valid until the block is cleared. */
  finish(): Buffer {
    const columns = [
      lowCardinalityColumn('device', this.#devices),
      int64Column('ts', 'Int64', this.#at),
      int64Column('tag_set', 'UInt64', this.#tagSets),
      int64Column('metadata_set', 'UInt64', this.#metadataSets),
      arrayColumn(this.#pointEnds, lowCardinalityColumn('metric', this.#names)),
      arrayColumn(this.#pointEnds, int64Column('mantissa', 'Int64', this.#mantissas)),
      arrayColumn(this.#pointEnds, int8Column('scale', 'Int8', this.#pointScales)),
      arrayColumn(this.#typedEnds, int8Column('kind', 'UInt8', this.#kinds)),
      arrayColumn(this.#typedEnds, textColumn('str', this.#strs)),
    ]
    return nativeBlock(this.#at.length, columns, this.#to)
  }
}

const heads = {
  device: columnHead('device', 'LowCardinality(String)'),
  ts: columnHead('ts', 'Int64'),
  tag_set: columnHead('tag_set', 'UInt64'),
  metadata_set: columnHead('metadata_set', 'UInt64'),
  metric: columnHead('metric', 'Array(LowCardinality(String))'),
  mantissa: columnHead('mantissa', 'Array(Int64)'),
  scale: columnHead('scale', 'Array(Int8)'),
  kind: columnHead('kind', 'Array(UInt8)'),
  str: columnHead('str', 'Array(String)'),
}

const scaleKeptMax = 6
const metricsMax = 100_000

/**
 * The scale that each metric's readings have needed: kept for those that would need less, since numbers of one scale lie
 * closer together.
 */
class MetricScales {
  readonly #scales = new Map<string, number>()

  of(metric: string): number {
    return this.#scales.get(metric) ?? 0
  }

  /** Returns the scale to begin with from now on. */
  note(metric: string, scale: number): number {
    const kept = this.of(metric)
    if (scale <= kept || scale > scaleKeptMax) return kept
    if (this.#scales.size >= metricsMax) this.#scales.clear()
    this.#scales.set(metric, scale)
    return scale
  }
}
