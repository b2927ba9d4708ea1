import { fail } from '../core/failure.ts'
import type { ReadFrame } from './frame.ts'
import { type Micros, microsPerHour } from './instant.ts'
import type { Point } from './point.ts'
import type { DeviceHour, FrameWriter, IngestLog, LogRecord, SeenAnswer } from './ports.ts'
import type { TagSets } from './tag-sets.ts'

/** Brings what many requests accept until the next commit into one record of the log. */
export interface Gather {
  /**
   * Takes accepted frames, and answers to repeats, into the next commit. Resolves when they are durable. Rejects with
   * SERVICE_UNAVAILABLE when the log is full, at once and keeping none of them, or when it fails.
   */
  add(frames: readonly ReadFrame[], seen: ReadonlyMap<string, SeenAnswer>): Promise<void>
  /** The answer under this key within the last 24 hours, also one whose commit is still under way. */
  seen(key: string): SeenAnswer | undefined
  /** Resolves when everything that was added before is durable; rejects when that fails. */
  settled(): Promise<void>
}

export interface GatherDeps {
  log: IngestLog
  writer: FrameWriter
  tagSets: TagSets
  /** Told of frames that are durable now, in the order in which they were accepted. */
  onKept(frames: readonly ReadFrame[]): void
  /** Frames that were added and are not kept. */
  takeBack(frames: readonly ReadFrame[]): void
}

interface Group {
  frames: ReadFrame[]
  seen: Map<string, SeenAnswer>
  bytes: number
  committed: Promise<void>
}

const retryAfterSeconds = 1

export function createGather({ log, writer, tagSets, onKept, takeBack }: GatherDeps): Gather {
  let group: Group | undefined
  let sealed: Group | undefined

  const seal = (sealing: Group): LogRecord => {
    const { frames, seen } = sealing
    sealed = sealing
    group = undefined
    const { newTagSets, ...blocks } = writer.write(frames)
    for (const { id, tags } of newTagSets) tagSets.learn(id, tags)
    return { frames: frames.length, ...blocks, ...spanOf(frames), seen: [...seen.values()] }
  }

  const open = (): Group => {
    const opened: Group = { frames: [], seen: new Map(), bytes: 0, committed: Promise.resolve() }
    opened.committed = log.append(() => seal(opened))
    const ended = () => {
      if (sealed === opened) sealed = undefined
      // Of a log that refuses at once nothing was ever sealed.
      if (group === opened) group = undefined
    }
    const kept = () => {
      ended()
      onKept(opened.frames)
    }
    opened.committed.then(kept, () => {
      ended()
      writer.forget()
      takeBack(opened.frames)
    })
    return opened
  }

  return {
    add(frames, seen) {
      const bytes = frames.reduce((sum, frame) => sum + bytesOf(frame.points), 0)
      if ((group?.bytes ?? 0) + bytes > log.freeBytes()) {
        takeBack(frames)
        return Promise.reject(fail('SERVICE_UNAVAILABLE', { reason: 'ingest_log_full' }, { retryAfterSeconds }))
      }
      group ??= open()
      group.bytes += bytes
      for (const frame of frames) group.frames.push(frame)
      for (const [key, answer] of seen) group.seen.set(key, answer)
      return group.committed
    },
    seen: (key) => group?.seen.get(key) ?? log.seen(key),
    settled: () => (group ?? sealed)?.committed ?? Promise.resolve(),
  }
}

/** From when to when frames reach, and which hours of which devices they touch. */
function spanOf(frames: readonly ReadFrame[]): { minAt: Micros; maxAt: Micros; hours: DeviceHour[] } {
  let [minAt, maxAt] = [Number.POSITIVE_INFINITY, 0]
  const hours = new Map<number, Set<string>>()
  for (const { at, deviceId } of frames) {
    if (at < minAt) minAt = at
    if (at > maxAt) maxAt = at
    const hour = Math.floor(at / microsPerHour)
    const devices = hours.get(hour)
    if (devices) devices.add(deviceId)
    else hours.set(hour, new Set([deviceId]))
  }
  const touched = [...hours].flatMap(([hour, devices]) => Array.from(devices, (device) => ({ device, hour })))
  return { minAt, maxAt, hours: touched }
}

const frameBytes = 48
const pointBytes = 11

/** What a frame takes in the log, roughly. */
function bytesOf(points: readonly Point[]): number {
  let bytes = frameBytes + points.length * pointBytes
  for (const { str } of points) bytes += str.length
  return bytes
}
