import { type MetricType, metricTypes } from '@nexus/contract'
import { type Fault, fault } from '../core/value.ts'
import { isFault, type ReadFrame, readFrame, UnreadFrame } from './frame.ts'
import type { Micros } from './instant.ts'
import { type NewestColumns, NewestReadings } from './newest-readings.ts'
import type { Point } from './point.ts'
import type { BlockWriter, FrameSpan, WrittenFrames } from './ports.ts'
import { Span } from './span.ts'

/** Frames as they go from the thread that read them to another: column by column, what repeats told once. */
export interface PackedFrames extends FrameSpan, NewestColumns {
  /** Of what was no frame, by where it stood among all. */
  faults: Map<number, Fault>
  devices: string[]
  deviceOf: Uint32Array
  at: Float64Array
  /** Where the points of each frame end among all of them. */
  pointEnds: Uint32Array
  metrics: string[]
  metricOf: Uint32Array
  kindOf: Uint8Array
  /** Of what has a text, where that is among `texts`. */
  nums: Float64Array
  texts: string[]
  tags: ReadFrame['tags'][]
  tagsOf: Uint32Array
  metadata: ReadFrame['metadata'][]
  metadataOf: Uint32Array
  /** Empty where no frame has one. */
  frameIds: ReadFrame['frameId'][]
  /** The same frames as the log and the store take them. */
  block: Uint8Array
}

type FrameColumns = Omit<PackedFrames, 'block' | keyof FrameSpan>

const kindCodes = new Map(metricTypes.map((kind, code) => [kind, code]))

/**
 * Reads frames one after another; of each only its columns are kept, and its part of the block. `receivedAt` is the moment of
 * the first, each has one a microsecond later.
 */
export function packFrames<LabelSet>(
  values: Iterable<unknown>,
  receivedAt: Micros,
  writer: BlockWriter<LabelSet>,
): PackedFrames {
  const faults = new Map<number, Fault>()
  const [devices, metrics] = [new Distinct<string>(), new Distinct<string>()]
  const [tags, metadata] = [new Distinct<ReadFrame['tags']>(), new Distinct<ReadFrame['metadata']>()]
  const [tagSets, metadataSets]: LabelSet[][] = [[], []]
  const [at, pointEnds, kinds, nums]: number[][] = [[], [], [], []]
  const newest = new NewestReadings()
  const texts: string[] = []
  const frameIds: ReadFrame['frameId'][] = []
  const span = new Span()

  const addPoint = (device: number, { metric, kind, num, str }: Point) => {
    const code = kindCodes.get(kind)!
    kinds!.push(code)
    const point = nums!.push(hasText(kind) ? texts.push(str) - 1 : num) - 1
    newest.addPoint(device, metrics.push(metric, metric), code, point)
  }
  const add = (frame: ReadFrame) => {
    const index = at!.push(frame.at) - 1
    const device = devices.push(frame.deviceId, frame.deviceId)
    newest.addFrame(device, frame.at)
    for (const point of frame.points) addPoint(device, point)
    pointEnds!.push(nums!.length)
    const tagSet = tags.push(textOf(frame.tags), frame.tags)
    const metadataSet = metadata.push(textOf(frame.metadata), frame.metadata)
    if (frame.frameId !== undefined) frameIds[index] = frame.frameId
    span.add(frame.at, frame.deviceId)
    tagSets![tagSet] ??= writer.setOf(frame.tags)
    metadataSets![metadataSet] ??= writer.setOf(frame.metadata)
    writer.add(frame, tagSets![tagSet], metadataSets![metadataSet])
  }
  let count = 0
  writer.begin()
  for (const value of values) {
    const read = value instanceof UnreadFrame ? fault('', value.issue) : readFrame(value, receivedAt + count)
    if (isFault(read)) faults.set(count, read)
    else add(read)
    count++
  }
  return {
    faults,
    devices: devices.values,
    ...newest.told(),
    deviceOf: new Uint32Array(devices.indexes),
    at: new Float64Array(at!),
    pointEnds: new Uint32Array(pointEnds!),
    metrics: metrics.values,
    metricOf: new Uint32Array(metrics.indexes),
    kindOf: new Uint8Array(kinds!),
    nums: new Float64Array(nums!),
    texts,
    tags: tags.values,
    tagsOf: new Uint32Array(tags.indexes),
    metadata: metadata.values,
    metadataOf: new Uint32Array(metadata.indexes),
    frameIds,
    ...span.told(),
    block: writer.take(),
  }
}

function hasText(kind: MetricType): boolean {
  return kind !== 'number' && kind !== 'boolean'
}

function textOf(labels: object | undefined): string {
  return labels === undefined ? '' : JSON.stringify(labels)
}

/** Values by their keys, each once. They mostly come in the order of the last time, so what followed is looked at first. */
class Distinct<Value> {
  readonly values: Value[] = []
  readonly indexes: number[] = []
  readonly #known = new Map<string, number>()
  readonly #keys: string[] = []
  readonly #following: number[] = []
  #last = 0

  /** Returns where it is among the values. */
  push(key: string, value: Value): number {
    const likely = this.#following[this.#last]
    const index = likely !== undefined && this.#keys[likely] === key ? likely : this.#indexOf(key, value)
    this.#last = index
    this.indexes.push(index)
    return index
  }

  #indexOf(key: string, value: Value): number {
    let index = this.#known.get(key)
    if (index === undefined) {
      index = this.values.push(value) - 1
      this.#known.set(key, index)
      this.#keys.push(key)
    }
    this.#following[this.#last] = index
    return index
  }
}

export interface NewestFrame extends Pick<ReadFrame, 'deviceId' | 'at' | 'tags' | 'metadata' | 'traceId'> {
  since: Micros
}

export interface NewestReading {
  device: number
  at: Micros
  point: Point
}

/** Frames out of their columns; those with the same tags or metadata share one object. */
export class FramePack {
  /** Of the request that brought it, where that named one. */
  traceId: string | undefined
  readonly #packed: FrameColumns

  constructor(packed: FrameColumns) {
    this.#packed = packed
  }

  /** How many frames there are, without those that were none. */
  get length(): number {
    return this.#packed.at.length
  }

  /** How many values came. */
  get count(): number {
    return this.length + this.#packed.faults.size
  }

  /** About what it takes in memory. */
  get bytes(): number {
    const { texts, faults, at, nums, tags, metadata, metrics, devices } = this.#packed
    const words = texts.reduce((sum, text) => sum + text.length * 2, 0) + JSON.stringify([tags, metadata]).length * 2
    return words + at.length * 32 + nums.length * 13 + (faults.size + metrics.length + devices.length) * 200
  }

  /** All that came, in its order. What is yielded is valid until the next: they take the same room. */
  *each(): Generator<ReadFrame | Fault> {
    const room: ReadFrame = { ...nothing, points: [] }
    const points: Point[] = []
    for (let [index, read] = [0, 0]; index < this.count; index++)
      yield this.#packed.faults.get(index) ?? this.#read(read++, room, points)
  }

  at(index: number): ReadFrame {
    return this.#read(index, { ...nothing, points: [] }, [])
  }

  deviceOf(index: number): string {
    return this.#packed.devices[this.#packed.deviceOf[index]!]!
  }

  /** Of each frame, where one is known. */
  traceIds(): (string | undefined)[] {
    return this.traceId === undefined ? [] : Array<string>(this.length).fill(this.traceId)
  }

  /** Whether every frame is good and has no id of its own, and each metric of a device one type. */
  get isPlain(): boolean {
    const { faults, frameIds, isMixed } = this.#packed
    return faults.size === 0 && frameIds.length === 0 && !isMixed
  }

  get devices(): readonly string[] {
    return this.#packed.devices
  }

  get metrics(): readonly string[] {
    return this.#packed.metrics
  }

  get pointCount(): number {
    return this.#packed.nums.length
  }

  /** The newest frame of each device, and since when it has any here. */
  newest(): NewestFrame[] {
    const { newest, oldest, at, tags, tagsOf, metadata, metadataOf } = this.#packed
    return Array.from(newest, (index, device) => ({
      deviceId: this.deviceOf(index),
      at: at[index]!,
      since: oldest[device]!,
      tags: tags[tagsOf[index]!],
      metadata: metadata[metadataOf[index]!],
      ...(this.traceId !== undefined && { traceId: this.traceId }),
    }))
  }

  /**
   * The newest reading of each metric of each device, that being its place in `newest()`. What is yielded is valid until the
   * next.
   */
  *newestReadings(): Generator<NewestReading> {
    const { newestPoints, newestPointFrames, deviceOf, at } = this.#packed
    const reading: NewestReading = { device: 0, at: 0, point: { ...noPoint } }
    for (let i = 0; i < newestPoints.length; i++) {
      const frame = newestPointFrames[i]!
      reading.device = deviceOf[frame]!
      reading.at = at[frame]!
      this.#point(newestPoints[i]!, reading.point)
      yield reading
    }
  }

  #read(index: number, frame: ReadFrame, points: Point[]): ReadFrame {
    const { devices, deviceOf, at, pointEnds, tags, tagsOf, metadata, metadataOf, frameIds } = this.#packed
    frame.deviceId = devices[deviceOf[index]!]!
    frame.at = at[index]!
    frame.tags = tags[tagsOf[index]!]
    frame.metadata = metadata[metadataOf[index]!]
    frame.frameId = frameIds[index]
    if (this.traceId !== undefined) frame.traceId = this.traceId
    const begin = index === 0 ? 0 : pointEnds[index - 1]!
    const length = pointEnds[index]! - begin
    for (let i = 0; i < length; i++) {
      points[i] ??= { ...noPoint }
      frame.points[i] = this.#point(begin + i, points[i]!)
    }
    frame.points.length = length
    return frame
  }

  #point(i: number, point: Point): Point {
    const { metrics, metricOf, kindOf, nums, texts } = this.#packed
    point.metric = metrics[metricOf[i]!]!
    point.kind = metricTypes[kindOf[i]!]!
    const isText = hasText(point.kind)
    point.num = isText ? 0 : nums[i]!
    point.str = isText ? texts[nums[i]!]! : ''
    return point
  }
}

const noPoint: Point = { metric: '', kind: 'number', num: 0, str: '' }
const nothing = { deviceId: '', at: 0, tags: undefined, metadata: undefined, frameId: undefined }

/** Frames with what the log is to have of them, for as long as they are on their way there. */
export interface WrittenPack extends WrittenFrames, FrameSpan {
  pack: FramePack
}

export function writtenPack({ block, minAt, maxAt, hours, ...columns }: PackedFrames): WrittenPack {
  const { tags, metadata } = columns
  return { pack: new FramePack(columns), block, minAt, maxAt, hours, tags, metadata }
}
