import { fail } from '../core/failure.ts'
import type { ReadFrame } from './frame.ts'
import type { FramePack, WrittenPack } from './frame-pack.ts'
import type { FrameSpan, FrameWriter, IngestLog, LogRecord, SeenAnswer } from './ports.ts'
import { Span } from './span.ts'
import type { TagSets } from './tag-sets.ts'

/** Brings what many requests accept until the next commit into one record of the log. */
export interface Gather {
  /**
   * Takes accepted frames, and answers to repeats, into the next commit. Resolves when they are durable. Rejects with
   * SERVICE_UNAVAILABLE when the log is full, at once and keeping none of them, or when it fails.
   */
  add(frames: AcceptedFrames, seen: ReadonlyMap<string, SeenAnswer>): Promise<void>
  /** The answer under this key within the last 24 hours, also one whose commit is still under way. */
  seen(key: string): SeenAnswer | undefined
  /** Resolves when everything that was added before is durable; rejects when that fails. */
  settled(): Promise<void>
}

/** A pack is logged as it was written. */
export type AcceptedFrames = ReadFrame[] | WrittenPack

export interface GatherDeps {
  log: IngestLog
  writer: FrameWriter
  tagSets: TagSets
  /** Told of frames that are durable now, in the order in which they were accepted. */
  onKept(frames: readonly ReadFrame[] | FramePack): void
  /** Frames that were added and are not kept. */
  takeBack(frames: readonly ReadFrame[]): void
}

interface Group {
  parts: AcceptedFrames[]
  seen: Map<string, SeenAnswer>
  bytes: number
  committed: Promise<void>
}

const retryAfterSeconds = 1

export function createGather({ log, writer, tagSets, onKept, takeBack }: GatherDeps): Gather {
  let group: Group | undefined
  let sealed: Group | undefined

  const seal = (sealing: Group): LogRecord => {
    const { parts, seen } = sealing
    sealed = sealing
    group = undefined
    const { newTagSets, ...blocks } = writer.write(parts)
    for (const { id, tags } of newTagSets) tagSets.learn(id, tags)
    const frames = parts.reduce((sum, part) => sum + lengthOf(part), 0)
    return { frames, ...blocks, ...spanOf(parts), seen: [...seen.values()] }
  }

  const open = (): Group => {
    const opened: Group = { parts: [], seen: new Map(), bytes: 0, committed: Promise.resolve() }
    opened.committed = log.append(() => seal(opened))
    const ended = () => {
      if (sealed === opened) sealed = undefined
      // Of a log that refuses at once nothing was ever sealed.
      if (group === opened) group = undefined
    }
    const kept = () => {
      ended()
      for (const part of opened.parts) onKept(Array.isArray(part) ? part : part.pack)
    }
    opened.committed.then(kept, () => {
      ended()
      writer.forget()
      for (const part of opened.parts) takeBack(readFramesOf(part))
    })
    return opened
  }

  return {
    add(frames, seen) {
      const bytes = bytesOf(frames)
      if ((group?.bytes ?? 0) + bytes > log.freeBytes()) {
        takeBack(readFramesOf(frames))
        return Promise.reject(fail('SERVICE_UNAVAILABLE', { reason: 'ingest_log_full' }, { retryAfterSeconds }))
      }
      group ??= open()
      group.bytes += bytes
      append(group.parts, frames)
      for (const [key, answer] of seen) group.seen.set(key, answer)
      return group.committed
    },
    seen: (key) => group?.seen.get(key) ?? log.seen(key),
    settled: () => (group ?? sealed)?.committed ?? Promise.resolve(),
  }
}

/** Those that came alone are written as one. */
function append(parts: AcceptedFrames[], frames: AcceptedFrames): void {
  const last = parts.at(-1)
  if (Array.isArray(last) && Array.isArray(frames)) for (const frame of frames) last.push(frame)
  else parts.push(frames)
}

function lengthOf(part: AcceptedFrames): number {
  return Array.isArray(part) ? part.length : part.pack.length
}

function readFramesOf(part: AcceptedFrames): readonly ReadFrame[] {
  return Array.isArray(part) ? part : Array.from({ length: part.pack.length }, (_, index) => part.pack.at(index))
}

function spanOf(parts: readonly AcceptedFrames[]): FrameSpan {
  const span = new Span()
  for (const part of parts) {
    if (Array.isArray(part)) for (const { at, deviceId } of part) span.add(at, deviceId)
    else span.addAll(part)
  }
  return span.told()
}

const frameBytes = 48
const pointBytes = 11

/** What they take in the log, roughly. */
function bytesOf(part: AcceptedFrames): number {
  if (!Array.isArray(part)) return part.block.length
  let bytes = part.length * frameBytes
  for (const { points } of part) {
    bytes += points.length * pointBytes
    for (const { str } of points) bytes += str.length
  }
  return bytes
}
