import type { MetricType } from '@nexus/contract'
import { toDecimal } from './decimal.ts'
import type { ReadFrame } from './frame.ts'
import { type Micros, microsPerHour } from './instant.ts'
import { createLabelSets, metadataSetLine, tagSetLine } from './labels.ts'
import type { Point } from './point.ts'
import type { DeviceHour, LogRecord } from './ports.ts'

/** How the store numbers the types of metrics. */
export const kindCodes: Record<MetricType, number> = { number: 1, boolean: 2, string: 3, array: 4, object: 5 }

/** Collects accepted frames into one record for the log. */
export interface RecordWriter {
  add(frame: ReadFrame, version: number): void
  finish(): LogRecord
}

export interface RecordWriters {
  open(): RecordWriter
  /** After a commit that failed. */
  forget(): void
}

/**
 * The one place that knows the line of a frame: `[device, at, tags, metadata, version, metrics, mantissas, scales, kinds, strs]`.
 * Lines are made here and never taken from a client, so that no payload can be read as anything but values. Frames of
 * numbers alone, the most common, leave `kinds` and `strs` empty.
 */
export function createRecordWriters(onTagSet: (id: string, tags: Record<string, string>) => void): RecordWriters {
  const tagSets = createLabelSets((id, tags) => {
    onTagSet(id, tags as Record<string, string>)
    return tagSetLine(id, tags)
  })
  const metadataSets = createLabelSets(metadataSetLine)
  const scales = new MetricScales()

  const open = (): RecordWriter => {
    const record: LogRecord = emptyRecord()
    const hours = new Map<string, DeviceHour>()
    return {
      add(frame, version) {
        const tags = tagSets.intern(frame.tags)
        const metadata = metadataSets.intern(frame.metadata)
        record.tagSets += tags.definition
        record.metadataSets += metadata.definition
        record.lines += lineOf(frame, version, tags.id, metadata.id, scales)
        record.frames++
        record.lastVersion = version
        record.minAt = Math.min(record.minAt, frame.at)
        record.maxAt = Math.max(record.maxAt, frame.at)
        const hour = Math.floor(frame.at / microsPerHour)
        const key = `${hour} ${frame.deviceId}`
        if (!hours.has(key)) hours.set(key, { device: frame.deviceId, hour })
      },
      finish() {
        record.hours = [...hours.values()]
        return record
      },
    }
  }

  return {
    open,
    forget() {
      tagSets.forget()
      metadataSets.forget()
    },
  }
}

/** Which points a record brings. */
export function identitiesIn(record: LogRecord): { device: string; at: Micros; metrics: string[] }[] {
  const lines = record.lines.split('\n').slice(0, -1)
  return lines.map((line) => {
    const [device, at, , , , metrics] = JSON.parse(line) as [string, Micros, number, number, number, string[]]
    return { device, at, metrics }
  })
}

function lineOf(frame: ReadFrame, version: number, tagSet: string, metadataSet: string, scales: MetricScales): string {
  let [metrics, mantissas, powers] = ['', '', '']
  let plain = true
  for (const point of frame.points) {
    const { mantissa, scale } = toDecimal(point.num, scales.of(point.metric))
    scales.note(point.metric, scale)
    // Metric names match the contract's pattern: there is nothing to escape.
    const comma = metrics === '' ? '' : ','
    metrics += `${comma}"${point.metric}"`
    mantissas += `${comma}${mantissa}`
    powers += `${comma}${scale}`
    if (point.kind !== 'number') plain = false
  }
  return `[${JSON.stringify(frame.deviceId)},${frame.at},${tagSet},${metadataSet},${version},[${metrics}],[${mantissas}],[${powers}],${plain ? '[],[]' : typed(frame.points)}]\n`
}

/**
 * The scale that each metric's readings have needed: kept for those that would need less, since numbers of one scale lie
 * closer together.
 */
class MetricScales {
  readonly #scales = new Map<string, number>()

  of(metric: string): number {
    return this.#scales.get(metric) ?? 0
  }

  note(metric: string, scale: number): void {
    if (scale <= this.of(metric) || scale > scaleKeptMax) return
    if (this.#scales.size >= metricsMax) this.#scales.clear()
    this.#scales.set(metric, scale)
  }
}

const scaleKeptMax = 6
const metricsMax = 100_000

function typed(points: Point[]): string {
  return `${JSON.stringify(points.map((point) => kindCodes[point.kind]))},${JSON.stringify(points.map((point) => point.str))}`
}

function emptyRecord(): LogRecord {
  const never: Micros = Number.POSITIVE_INFINITY
  return {
    frames: 0,
    lines: '',
    tagSets: '',
    metadataSets: '',
    hours: [],
    minAt: never,
    maxAt: 0,
    lastVersion: 0,
    seen: [],
  }
}
