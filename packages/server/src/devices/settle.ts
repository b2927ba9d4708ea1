import type { DeviceStatus, EventType, OfflineReason } from '@nexus/contract'
import { sameTags, type Tags } from '../core/labels.ts'
import type { DeviceChange, DeviceRecord } from './ports.ts'

/** What came to be known of a device since it was written down. */
export interface Heard {
  deviceId: string
  /** Whether it is there now; undefined: nobody knows, for telemetry only remembers it. */
  online: boolean | undefined
  /** A sign of life was what changed it. */
  alive: boolean
  reason: OfflineReason
  /** 0: never. */
  seenAt: number
  /** Of its newest frame; undefined: none has come. */
  tags: Tags | undefined
  tagsAt: number
  /** Of what made it appear, where that named one. */
  traceId: string | undefined
}

export type DeviceEvent = Extract<EventType, `device.${string}`>

export interface Outcome {
  /** Undefined: it was not there, or deleted. */
  before: DeviceRecord | undefined
  after: DeviceRecord
  /** What there is to tell, in this order. */
  news: DeviceEvent[]
}

/**
 * Brings a record and what was heard together; undefined: there is nothing to keep. A sign of life registers a device,
 * also one that was deleted before it; what telemetry remembers registers one that was never there; silence registers none,
 * and counts only where no other node has heard the device since.
 */
export function settle(found: DeviceRecord | undefined, heard: Heard, now: number): Outcome | undefined {
  const before = found?.deletedAt === null ? found : undefined
  const isRemembered = heard.online === undefined && found === undefined
  const isAlive = heard.alive && (found?.deletedAt ?? 0) <= heard.seenAt
  if (!before && !isAlive && !isRemembered) return undefined
  const base = before ?? newRecord(heard.deviceId, heard.alive ? heard.seenAt : now)
  const status = statusOf(heard, base)
  const tags = heard.tagsAt >= base.tagsAt ? heard.tags : undefined
  const after: DeviceRecord = {
    ...base,
    status,
    lastSeenAt: Math.max(base.lastSeenAt ?? 0, heard.seenAt) || null,
    ...(tags && { frameTags: tags, tagsAt: heard.tagsAt }),
  }
  const news: DeviceEvent[] = before ? [] : ['device.registered']
  if (status !== base.status) news.push(`device.${status}`)
  return { before, after, news }
}

/** Whether there is more to write than when it was last seen. */
export function isChange({ before, after, news }: Outcome): boolean {
  return news.length > 0 || before === undefined || !sameTags(before.frameTags, after.frameTags)
}

export function changeOf(before: DeviceRecord | undefined, after: DeviceRecord): DeviceChange {
  const tags = effectiveTags(after)
  return { record: after, tags: before && sameTags(effectiveTags(before), tags) ? undefined : tags }
}

export function newRecord(deviceId: string, registeredAt: number): DeviceRecord {
  return {
    deviceId,
    name: null,
    status: 'offline',
    frameTags: {},
    tagsAt: 0,
    ownTags: {},
    metadata: {},
    registeredAt,
    lastSeenAt: null,
    deletedAt: null,
  }
}

export function effectiveTags({ frameTags, ownTags }: DeviceRecord): Tags {
  return { ...frameTags, ...ownTags }
}

function statusOf({ online, seenAt }: Heard, { status, lastSeenAt }: DeviceRecord): DeviceStatus {
  if (online) return 'online'
  return online === undefined || (lastSeenAt ?? 0) > seenAt ? status : 'offline'
}
