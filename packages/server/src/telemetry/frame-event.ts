import type { EventData } from '@nexus/contract'
import { newTraceId } from '../core/ids.ts'
import type { Events, TransientEvent } from '../events/index.ts'
import type { ReadFrame } from './frame.ts'
import { formatInstant } from './instant.ts'
import { type Point, toValue } from './point.ts'

/** So few at once that even a stream that wants all of them keeps up; more once more is waiting than can be kept up with. */
const turnFrames = 256
const backlogMax = 50_000

/**
 * Tells of frames, in their order: of large batches a part at a time, with turns of the event loop in between, or streams
 * would be given more at once than they may have waiting.
 */
export function createFrameEvents(events: Pick<Events, 'emit'>): (frames: readonly ReadFrame[]) => void {
  const waiting: ReadFrame[] = []
  let pumping = false

  const pump = () => {
    const turn = waiting.splice(0, Math.max(turnFrames, waiting.length - backlogMax))
    pumping = waiting.length > 0
    if (pumping) setImmediate(pump)
    for (const frame of turn) events.emit(new FrameEvent(frame))
  }
  return (frames) => {
    for (const frame of frames) waiting.push(frame)
    if (!pumping) pump()
  }
}

/** A frame that was accepted, as an event: what its client sent, with the time that it was given. */
class FrameEvent implements TransientEvent {
  readonly type = 'telemetry.frame'
  readonly subject: string
  readonly bytes: number
  readonly #frame: { read(): ReadFrame }
  #traceId: string | undefined

  constructor(frame: ReadFrame) {
    this.subject = frame.deviceId
    this.bytes = frame.again ? frame.again.takeBytes() : bytesOf(frame)
    this.#frame = frame.again ?? { read: () => frame }
    this.#traceId = frame.traceId
  }

  data(): object {
    return dataOf(this.#frame.read())
  }

  traceId(): string {
    this.#traceId ??= newTraceId()
    return this.#traceId
  }

  knownTraceId(): string | undefined {
    return this.#traceId
  }
}

const frameBytes = 400
const pointBytes = 80
const labelBytes = 100

/** About what a frame takes in memory. */
function bytesOf({ points, tags = {}, metadata }: ReadFrame): number {
  let bytes = frameBytes + points.length * pointBytes + Object.keys(tags).length * labelBytes
  for (const { str } of points) bytes += str.length * 2
  return metadata ? bytes + JSON.stringify(metadata).length * 2 : bytes
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
  let whole: { prefix: string; value: unknown } | undefined
  for (const { metric, kind, num, str } of points) {
    if (whole && metric.startsWith(whole.prefix) && isWithin(whole.value, metric.slice(whole.prefix.length))) continue
    const value = toValue(kind, num, str)
    whole = kind === 'array' || kind === 'object' ? { prefix: `${metric}.`, value } : undefined
    metrics.push([metric, value])
  }
  return Object.fromEntries(metrics)
}

/** Whether a path leads to something inside of a value; names may have dots of their own. */
function isWithin(value: unknown, path: string): boolean {
  if (Array.isArray(value)) return path === 'length'
  if (typeof value !== 'object' || value === null) return false
  return Object.entries(value).some(
    ([name, child]) => path === name || (path.startsWith(`${name}.`) && isWithin(child, path.slice(name.length + 1))),
  )
}
