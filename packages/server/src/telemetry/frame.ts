import { telemetryLimits } from '@nexus/contract'
import { isRecord, keyFault, metadataFault, tagsFault } from '../core/labels.ts'
import { type Fault, fault, numberIssue } from '../core/value.ts'
import { instantIssue, type Micros, parseInstant } from './instant.ts'
import { flattenMetric, type Point } from './point.ts'

/** A frame that passed every check, in the form in which it is kept. */
export interface ReadFrame {
  deviceId: string
  at: Micros
  points: Point[]
  tags: Record<string, string> | undefined
  metadata: Record<string, unknown> | undefined
  frameId: string | undefined
  /** Of the request that brought it, where that named one. */
  traceId?: string
  /** Where it can be read again, so that nobody needs to keep its points. */
  again?: FrameSource
}

export interface FrameSource {
  read(): ReadFrame
  /** About what it takes in memory. */
  readonly bytes: number
}

/** The text of a frame that was found good: one string, where what was read of it is dozens of objects. */
export class FrameText implements FrameSource {
  readonly #text: string
  readonly #receivedAt: Micros

  constructor(text: string, receivedAt: Micros) {
    this.#text = text
    this.#receivedAt = receivedAt
  }

  get bytes(): number {
    return textBytes + this.#text.length * 2
  }

  read(): ReadFrame {
    const { ack: _, ...value } = JSON.parse(this.#text)
    return readFrame(value, this.#receivedAt) as ReadFrame
  }
}

const textBytes = 200

/** In the place of a frame whose text is none. */
export class UnreadFrame {
  readonly issue: string

  constructor(issue: string) {
    this.issue = issue
  }
}

export function isFault(result: ReadFrame | Fault): result is Fault {
  return 'issue' in result
}

const { frameBytesMax, metricsMax, pointsMax } = telemetryLimits
/** A character takes six bytes at most, as an escape; all names and numbers of a frame together less than 48 KiB. */
const textMax = (frameBytesMax - 48 * 1024) / 6
const idLengthMax = 128
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it keeps out
const id = /^[^\s\x00-\x1f\x7f-\x9f]+$/
const fields = new Set(['device_id', 'timestamp', 'metrics', 'tags', 'metadata', 'frame_id'])

/**
 * Checks one frame against the contract and the limits, without throwing: this is the hot path, and in a batch a bad
 * frame must not cost its neighbours. `receivedAt` stands in for a missing timestamp.
 */
export function readFrame(value: unknown, receivedAt: Micros): ReadFrame | Fault {
  if (!isRecord(value)) return fault('', 'must be a JSON object')
  for (const name in value)
    if (!fields.has(name)) return fault(name, `is not a field of a frame: expected one of ${[...fields].join(', ')}`)

  const { device_id: deviceId, timestamp, metrics, tags, metadata, frame_id: frameId } = value
  const badId = idFault('device_id', deviceId) ?? (frameId === undefined ? undefined : idFault('frame_id', frameId))
  if (badId) return badId

  const at = timestamp === undefined ? receivedAt : parseInstant(timestamp)
  if (at === undefined) return fault('timestamp', instantIssue)

  const badTags = tags === undefined ? undefined : tagsFault(tags)
  if (badTags) return badTags
  const badMetadata = metadata === undefined ? undefined : metadataFault(metadata)
  if (badMetadata) return badMetadata

  const points = readMetrics(metrics)
  if (!Array.isArray(points)) return points
  if (mayBeTooLarge(points, tags as ReadFrame['tags'], metadata) && bytesOf(value) > frameBytesMax)
    return fault('', `has more than ${frameBytesMax} bytes`)
  return {
    deviceId: deviceId as string,
    at,
    points,
    tags: tags as ReadFrame['tags'],
    metadata: metadata as ReadFrame['metadata'],
    frameId: frameId as string | undefined,
  }
}

/**
 * Names and numbers are few and short enough by themselves. Only text can make a frame too large, so that most need not
 * be written out to be measured.
 */
function mayBeTooLarge(points: Point[], tags: ReadFrame['tags'], metadata: unknown): boolean {
  let characters = metadata === undefined ? 0 : JSON.stringify(metadata).length
  for (const point of points) characters += point.str.length
  for (const name in tags) characters += tags[name]!.length
  return characters > textMax
}

function bytesOf(value: object): number {
  return Buffer.byteLength(JSON.stringify(value))
}

function readMetrics(metrics: unknown): Point[] | Fault {
  if (metrics === undefined) return fault('metrics', 'is required')
  if (!isRecord(metrics)) return fault('metrics', 'must be an object of metric names and values')
  const points: Point[] = []
  let [count, nested] = [0, false]
  for (const name in metrics) {
    if (++count > metricsMax) return fault('metrics', `has more than ${metricsMax} metrics`)
    const badKey = keyFault('metrics', name)
    if (badKey) return badKey
    const value = metrics[name]
    if (typeof value === 'number') {
      const issue = numberIssue(value)
      if (issue) return fault(`metrics.${name}`, issue)
      points.push({ metric: name, kind: 'number', num: value, str: '' })
    } else {
      if (typeof value === 'object') nested = true
      const issue = flattenMetric(points, name, value)
      if (issue) return fault(issue.field === '' ? `metrics.${name}` : `metrics.${name}.${issue.field}`, issue.issue)
    }
  }
  if (count === 0) return fault('metrics', 'must hold at least one metric')
  if (points.length > pointsMax)
    return fault('metrics', `has more than ${pointsMax} readings, those inside of objects counted`)
  return (nested && twiceNamed(points)) || points
}

/** A metric can be named outright and again by its path inside of an object: only one of the two could be kept. */
function twiceNamed(points: readonly Point[]): Fault | undefined {
  const names = new Set<string>()
  for (const { metric } of points) {
    if (names.has(metric))
      return fault(`metrics.${metric}`, 'is given twice: by its name, and inside of an object or array')
    names.add(metric)
  }
  return undefined
}

function idFault(field: string, value: unknown): Fault | undefined {
  if (value === undefined) return fault(field, 'is required')
  if (typeof value !== 'string') return fault(field, 'must be a string')
  const tooLong = value.length > idLengthMax && characterCount(value) > idLengthMax
  if (value.length === 0 || tooLong) return fault(field, `must have 1 to ${idLengthMax} characters`)
  if (!id.test(value) || !value.isWellFormed()) return fault(field, 'must not hold blanks or control characters')
  return value === '.' || value === '..' ? fault(field, 'must not be . or .., which no address can name') : undefined
}

/** Code points, as JSON Schema counts; of a text that is certainly too long not all of them. */
function characterCount(text: string): number {
  return text.length > 2 * idLengthMax ? text.length : [...text].length
}
