import type { OfflineReason } from '@nexus/contract'
import type { Tags } from '../core/labels.ts'
import type { Heard } from './settle.ts'

/** What is known of a device that is online, or was until a moment ago. Instants are in ms; 0: never. */
export interface Live {
  /** When its last frame arrived. */
  framedAt: number
  /** When a connection was opened or closed last. */
  touchedAt: number
  online: boolean
  /** It appeared, or came back, since it was last written down. */
  alive: boolean
  reason: OfflineReason
  /** Of its newest frame, and the timestamp of that in µs; undefined: none has come. */
  tags: Tags | undefined
  tagsAt: number
  /** Of what made it appear, where that named one. */
  traceId: string | undefined
  /** What the registry has for `last_seen_at`. */
  savedAt: number
}

/** A device that has just appeared. */
export function appeared(traceId: string | undefined): Live {
  return {
    framedAt: 0,
    touchedAt: 0,
    online: true,
    alive: true,
    reason: 'silent',
    tags: undefined,
    tagsAt: 0,
    traceId,
    savedAt: 0,
  }
}

export function seenAt({ framedAt, touchedAt }: Live): number {
  return Math.max(framedAt, touchedAt)
}

export function heardOf(deviceId: string, live: Live): Heard {
  const { online, alive, reason, tags, tagsAt, traceId } = live
  return { deviceId, online, alive, reason, seenAt: seenAt(live), tags, tagsAt, traceId }
}
