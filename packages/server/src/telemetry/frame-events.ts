import type { EventData } from '@nexus/contract'
import { newTraceId } from '../core/ids.ts'
import type { TransientEvents } from '../events/index.ts'
import type { FrameSource, ReadFrame } from './frame.ts'
import { FramePack } from './frame-pack.ts'
import { formatInstant } from './instant.ts'
import { type Point, pointCount, toValue } from './point.ts'

/** Frames that were accepted, as events: what their clients sent, with the time that each was given. */
export class FrameEvents implements TransientEvents {
  readonly type = 'telemetry.frame'
  readonly length: number
  readonly bytes: number
  readonly #frames: SomeFrames
  readonly #traceIds: (string | undefined)[]

  constructor(frames: readonly ReadFrame[] | FramePack) {
    this.#frames = frames instanceof FramePack ? frames : new KeptFrames(frames)
    this.length = this.#frames.length
    this.bytes = this.#frames.bytes
    this.#traceIds = this.#frames.traceIds()
  }

  subjectOf(index: number): string {
    return this.#frames.deviceOf(index)
  }

  dataOf(index: number): object {
    return dataOf(this.#frames.at(index))
  }

  traceIdOf(index: number): string {
    this.#traceIds[index] ??= newTraceId()
    return this.#traceIds[index]
  }

  knownTraceIdOf(index: number): string | undefined {
    return this.#traceIds[index]
  }
}

type SomeFrames = Pick<FramePack, 'length' | 'bytes' | 'deviceOf' | 'at' | 'traceIds'>

/** Frames that came alone: each stays as what it can be read from again, where there is that. */
class KeptFrames implements SomeFrames {
  readonly bytes: number
  readonly #sources: FrameSource[]
  readonly #devices: string[]
  readonly #traceIds: (string | undefined)[]

  constructor(frames: readonly ReadFrame[]) {
    this.#sources = frames.map((frame) => frame.again ?? itself(frame))
    this.#devices = frames.map(({ deviceId }) => deviceId)
    this.#traceIds = frames.map(({ traceId }) => traceId)
    this.bytes = this.#sources.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  get length(): number {
    return this.#sources.length
  }

  deviceOf(index: number): string {
    return this.#devices[index]!
  }

  at(index: number): ReadFrame {
    return this.#sources[index]!.read()
  }

  traceIds(): (string | undefined)[] {
    return this.#traceIds
  }
}

const frameBytes = 500
const pointBytes = 80
const labelBytes = 100

function itself(frame: ReadFrame): FrameSource {
  const { points, tags = {}, metadata } = frame
  let bytes = frameBytes + points.length * pointBytes + Object.keys(tags).length * labelBytes
  for (const { str } of points) bytes += str.length * 2
  if (metadata) bytes += JSON.stringify(metadata).length * 2
  return { bytes, read: () => frame }
}

function dataOf({ deviceId, at, points, tags, metadata, frameId }: ReadFrame): EventData<'telemetry.frame'> {
  return {
    device_id: deviceId,
    timestamp: formatInstant(at),
    metrics: metricsOf(points),
    ...(tags && { tags }),
    ...(metadata && { metadata }),
    ...(frameId !== undefined && { frame_id: frameId }),
  }
}

/** The metrics without the readings that were made of what is inside of them, which follow them. */
function metricsOf(points: readonly Point[]): Record<string, unknown> {
  const metrics: [string, unknown][] = []
  for (let i = 0; i < points.length; ) {
    const { metric, kind, num, str } = points[i]!
    const value = toValue(kind, num, str)
    metrics.push([metric, value])
    i += pointCount(metric, value)
  }
  return Object.fromEntries(metrics)
}
