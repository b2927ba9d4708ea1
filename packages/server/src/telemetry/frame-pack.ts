import { type MetricType, metricTypes } from '@nexus/contract'
import type { Fault } from '../core/value.ts'
import { isFault, type ReadFrame, readFrame } from './frame.ts'
import type { Micros } from './instant.ts'
import type { Point } from './point.ts'

/** Frames as they go from the thread that read them to another: column by column, what repeats told once. */
export interface PackedFrames {
  /** By the index of the frame that has it; the columns have a row for it all the same. */
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
}

const kindCodes = new Map(metricTypes.map((kind, code) => [kind, code]))

/** Reads frames one after another; of each only its columns are kept. */
export function packFrames(values: Iterable<unknown>, receivedAt: Micros): PackedFrames {
  const faults = new Map<number, Fault>()
  const [devices, metrics] = [new Distinct<string>(), new Distinct<string>()]
  const [tags, metadata] = [new Distinct<ReadFrame['tags']>(), new Distinct<ReadFrame['metadata']>()]
  const [at, pointEnds, kinds, nums]: number[][] = [[], [], [], []]
  const texts: string[] = []
  const frameIds: ReadFrame['frameId'][] = []

  const addPoint = ({ metric, kind, num, str }: Point) => {
    metrics.push(metric, metric)
    kinds!.push(kindCodes.get(kind)!)
    nums!.push(hasText(kind) ? texts.push(str) - 1 : num)
  }
  const nothing: ReadFrame = {
    deviceId: '',
    at: 0,
    points: [],
    tags: undefined,
    metadata: undefined,
    frameId: undefined,
  }
  for (const value of values) {
    const read = readFrame(value, receivedAt)
    const index = at!.length
    if (isFault(read)) faults.set(index, read)
    const frame = isFault(read) ? nothing : read
    devices.push(frame.deviceId, frame.deviceId)
    at!.push(frame.at)
    for (const point of frame.points) addPoint(point)
    pointEnds!.push(nums!.length)
    tags.push(textOf(frame.tags), frame.tags)
    metadata.push(textOf(frame.metadata), frame.metadata)
    if (frame.frameId !== undefined) frameIds[index] = frame.frameId
  }
  return {
    faults,
    devices: devices.values,
    deviceOf: Uint32Array.from(devices.indexes),
    at: Float64Array.from(at!),
    pointEnds: Uint32Array.from(pointEnds!),
    metrics: metrics.values,
    metricOf: Uint32Array.from(metrics.indexes),
    kindOf: Uint8Array.from(kinds!),
    nums: Float64Array.from(nums!),
    texts,
    tags: tags.values,
    tagsOf: Uint32Array.from(tags.indexes),
    metadata: metadata.values,
    metadataOf: Uint32Array.from(metadata.indexes),
    frameIds,
  }
}

function hasText(kind: MetricType): boolean {
  return kind !== 'number' && kind !== 'boolean'
}

function textOf(labels: object | undefined): string {
  return labels === undefined ? '' : JSON.stringify(labels)
}

class Distinct<Value> {
  readonly values: Value[] = []
  readonly indexes: number[] = []
  readonly #known = new Map<string, number>()

  push(key: string, value: Value): void {
    let index = this.#known.get(key)
    if (index === undefined) {
      index = this.values.push(value) - 1
      this.#known.set(key, index)
    }
    this.indexes.push(index)
  }
}

/** Frames out of their columns; those with the same tags or metadata share one object. */
export class FramePack {
  readonly #packed: PackedFrames

  constructor(packed: PackedFrames) {
    this.#packed = packed
  }

  get length(): number {
    return this.#packed.at.length
  }

  at(index: number): ReadFrame | Fault {
    const { faults, devices, deviceOf, at, pointEnds, tags, tagsOf, metadata, metadataOf, frameIds } = this.#packed
    const fault = faults.get(index)
    if (fault) return fault
    const points: Point[] = []
    for (let i = index === 0 ? 0 : pointEnds[index - 1]!; i < pointEnds[index]!; i++) points.push(this.#point(i))
    return {
      deviceId: devices[deviceOf[index]!]!,
      at: at[index]!,
      points,
      tags: tags[tagsOf[index]!],
      metadata: metadata[metadataOf[index]!],
      frameId: frameIds[index],
    }
  }

  #point(i: number): Point {
    const { metrics, metricOf, kindOf, nums, texts } = this.#packed
    const [metric, kind, num] = [metrics[metricOf[i]!]!, metricTypes[kindOf[i]!]!, nums[i]!]
    return hasText(kind) ? { metric, kind, num: 0, str: texts[num]! } : { metric, kind, num, str: '' }
  }
}
