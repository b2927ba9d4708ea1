import type { OfflineReason } from '@nexus/contract'
import { sameTags, type Tags } from '../core/labels.ts'
import { appeared, heardOf, type Live, seenAt } from './live.ts'
import type { DeviceRecord, Seen } from './ports.ts'
import type { Heard } from './settle.ts'

/** A frame that was kept, as far as the registry cares. */
export interface SeenFrame {
  readonly deviceId: string
  /** Its timestamp, in microseconds. */
  readonly at: number
  readonly tags: Tags | undefined
  /** Of the request that brought it, where that named one. */
  readonly traceId?: string
}

export interface PresenceOptions {
  now(): number
  offlineAfterMs: number
  /** How many devices are online at most. */
  max: number
  /** Aborted when the server stops: connections that close from then on say nothing of their devices. */
  signal: AbortSignal
  /** Something has changed that others should soon know. */
  onNews(): void
}

export interface Taken {
  live: Live
  heard: Heard
}

/** Devices; the more there are, the less often all of them are looked at. */
const sweptPerMs = 1000

/**
 * Which devices are online, in memory: one small record each, and none for the others. States of a device: unknown ->
 * online (a frame, a connection) -> offline (silence, the last connection closes) -> unknown, once that is written down; or
 * online again, where another node has heard it since.
 */
export class Presence {
  readonly #options: PresenceOptions
  readonly #live = new Map<string, Live>()
  readonly #connections = new Map<string, number>()
  readonly #changed = new Set<string>()
  /** Silence counts from here at the earliest: nobody could be heard before. */
  readonly #startedAt: number
  /** Before this nobody falls silent. */
  #dueAt = Number.POSITIVE_INFINITY
  #turnedAway = 0

  constructor(options: PresenceOptions) {
    this.#options = options
    this.#startedAt = options.now()
  }

  /** How many devices have changed and are not taken yet. */
  get changed(): number {
    return this.#changed.size
  }

  /** Takes up devices that were online when the server was last there. */
  restore(devices: readonly { deviceId: string; lastSeenAt: number | null }[]): void {
    for (const { deviceId, lastSeenAt } of devices) {
      const at = lastSeenAt ?? 0
      this.#live.set(deviceId, { ...appeared(undefined), alive: false, framedAt: at, savedAt: at })
    }
    this.#expect(this.#startedAt)
  }

  /** Takes in frames in the order in which they were accepted. This is the hot path; it never throws. */
  seen(frames: readonly SeenFrame[]): void {
    const now = this.#options.now()
    for (const frame of frames) {
      const live = this.#live.get(frame.deviceId) ?? this.#appear(frame.deviceId, now, frame.traceId)
      if (!live) continue
      live.framedAt = now
      if (frame.at >= live.tagsAt) this.#tag(live, frame)
      if (!live.online) this.#comeBack(frame.deviceId, live, frame.traceId)
    }
  }

  /** A connection of the device was opened; returns what tells that it has closed, once. */
  attach(deviceId: string, traceId: string | undefined): () => void {
    const detach = this.poll(deviceId, traceId)
    return () => detach('closed')
  }

  /** The device asks, and waits; returns what tells, once, whether it was answered and so may ask again, or has hung up. */
  poll(deviceId: string, traceId: string | undefined): (end: 'answered' | 'closed') => void {
    this.#connections.set(deviceId, (this.#connections.get(deviceId) ?? 0) + 1)
    this.touch(deviceId, traceId)
    let attached = true
    return (end) => {
      if (attached) this.#detach(deviceId, end === 'closed')
      attached = false
    }
  }

  /** As far as memory knows. */
  isOnline(deviceId: string): boolean {
    return this.#live.get(deviceId)?.online === true
  }

  isAttached(deviceId: string): boolean {
    return this.#connections.has(deviceId)
  }

  touch(deviceId: string, traceId?: string): void {
    const now = this.#options.now()
    const live = this.#live.get(deviceId) ?? this.#appear(deviceId, now, traceId)
    if (!live) return
    live.touchedAt = now
    if (!live.online) this.#comeBack(deviceId, live, traceId)
  }

  /** Finds who has been silent for too long. */
  sweep(): void {
    const now = this.#options.now()
    if (now < this.#dueAt) return
    this.#dueAt = Number.POSITIVE_INFINITY
    for (const [deviceId, live] of this.#live) {
      if (!live.online || this.#connections.has(deviceId)) continue
      const quietFrom = Math.max(seenAt(live), this.#startedAt)
      if (quietFrom + this.#options.offlineAfterMs <= now) this.#goAway(deviceId, live, 'silent')
      else this.#expect(quietFrom)
    }
    this.#dueAt = Math.max(this.#dueAt, now + Math.floor(this.#live.size / sweptPerMs))
  }

  /** Hands out some of what has changed, those that waited longest first. */
  take(max: number): Taken[] {
    const taken: Taken[] = []
    for (const deviceId of this.#changed) {
      if (taken.length === max) break
      taken.push(this.takeOne(deviceId)!)
    }
    return taken
  }

  /** Hands out one device, if it has changed. */
  takeOne(deviceId: string): Taken | undefined {
    if (!this.#changed.delete(deviceId)) return undefined
    const live = this.#live.get(deviceId)!
    return { live, heard: heardOf(deviceId, live) }
  }

  /** What was taken could not be written. */
  giveBack(taken: readonly Taken[]): void {
    for (const { live, heard } of taken) if (this.#live.get(heard.deviceId) === live) this.#changed.add(heard.deviceId)
  }

  /** What was taken is written, and reads so; undefined: no such device is kept. */
  written({ live, heard: { deviceId } }: Taken, after: DeviceRecord | undefined): void {
    const current = this.#live.get(deviceId)
    if (after) {
      live.savedAt = after.lastSeenAt ?? 0
      if (after.tagsAt > live.tagsAt) Object.assign(live, { tags: after.frameTags, tagsAt: after.tagsAt })
      // It was deleted meanwhile, but before this.
      if (after.status === 'online' && !current) {
        this.#live.set(deviceId, live)
        this.#expect(seenAt(live))
      }
    }
    if (current !== live || this.#changed.has(deviceId)) return
    live.alive = false
    if (!live.online && after?.status === 'online') this.#adopt(live)
    if (!live.online || !after) this.#live.delete(deviceId)
  }

  /** A client has deleted the device. */
  forget(deviceId: string): void {
    this.#live.delete(deviceId)
    this.#changed.delete(deviceId)
  }

  /** When a device that is online was last seen. */
  lastSeenAt(deviceId: string): number {
    const live = this.#live.get(deviceId)
    return live ? seenAt(live) : 0
  }

  /** Those that were seen since that was written, as long as it is asked; who is connected is seen now. */
  *unsaved(): Generator<Seen> {
    const now = this.#options.now()
    for (const [deviceId, live] of this.#live) {
      const at = this.#connections.has(deviceId) ? now : seenAt(live)
      if (at > live.savedAt) yield { deviceId, at, tagsAt: live.tagsAt }
    }
  }

  /** Those that were not noted are not online in the registry, and have changed if they are here. */
  saved(seen: readonly Seen[], noted: ReadonlySet<string>): void {
    for (const { deviceId, at } of seen) {
      const live = this.#live.get(deviceId)
      if (!live) continue
      if (noted.has(deviceId)) live.savedAt = Math.max(live.savedAt, at)
      else if (live.online && !this.#changed.has(deviceId)) this.#comeBack(deviceId, live, undefined)
    }
  }

  /** How many signs of life were lost since it was last asked, for there was no room for their devices. */
  turnedAway(): number {
    const count = this.#turnedAway
    this.#turnedAway = 0
    return count
  }

  #tag(live: Live, { deviceId, at, tags = noTags }: SeenFrame): void {
    live.tagsAt = at
    if (tags === live.tags) return
    // Told when there is a turn anyway: tags that change with each frame would keep it busy.
    if (live.tags === undefined || !sameTags(tags, live.tags)) this.#changed.add(deviceId)
    live.tags = tags
  }

  #appear(deviceId: string, now: number, traceId: string | undefined): Live | undefined {
    if (this.#live.size >= this.#options.max) {
      this.#turnedAway++
      return undefined
    }
    const live = appeared(traceId)
    this.#live.set(deviceId, live)
    this.#expect(now)
    this.#tell(deviceId)
    return live
  }

  #comeBack(deviceId: string, live: Live, traceId: string | undefined): void {
    live.online = true
    live.alive = true
    live.traceId = traceId
    this.#expect(seenAt(live))
    this.#tell(deviceId)
  }

  /** Another node hears it: it is watched here as if it had been heard when that last wrote so. */
  #adopt(live: Live): void {
    live.online = true
    live.framedAt = Math.max(live.framedAt, live.savedAt)
    this.#expect(live.framedAt)
  }

  #goAway(deviceId: string, live: Live, reason: OfflineReason): void {
    live.online = false
    live.reason = reason
    live.traceId = undefined
    this.#tell(deviceId)
  }

  #detach(deviceId: string, isGone: boolean): void {
    const left = this.#connections.get(deviceId)! - 1
    if (left > 0) {
      this.#connections.set(deviceId, left)
      return
    }
    this.#connections.delete(deviceId)
    const live = this.#live.get(deviceId)
    if (!live?.online) return
    const { now, offlineAfterMs, signal } = this.#options
    live.touchedAt = now()
    if (isGone && live.framedAt + offlineAfterMs <= live.touchedAt && !signal.aborted)
      this.#goAway(deviceId, live, 'disconnected')
    else this.#expect(live.touchedAt)
  }

  #tell(deviceId: string): void {
    this.#changed.add(deviceId)
    this.#options.onNews()
  }

  /** Silence may count from now on. */
  #expect(quietFrom: number): void {
    this.#dueAt = Math.min(this.#dueAt, quietFrom + this.#options.offlineAfterMs)
  }
}

const noTags: Tags = Object.freeze({})
