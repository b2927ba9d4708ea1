import type { Device } from '@nexus/contract'
import { toIso } from '../core/clock.ts'
import type { DeviceRecord } from './ports.ts'
import { effectiveTags } from './settle.ts'

/** A device as the contract shows it; `lastSeenAt` is what memory knows of that, 0: nothing. */
export function shownDevice(record: DeviceRecord, lastSeenAt = 0): Device {
  const seenAt = Math.max(record.lastSeenAt ?? 0, lastSeenAt)
  return {
    device_id: record.deviceId,
    name: record.name,
    status: record.status,
    tags: effectiveTags(record),
    own_tags: record.ownTags,
    metadata: record.metadata,
    registered_at: toIso(record.registeredAt),
    last_seen_at: seenAt === 0 ? null : toIso(seenAt),
  }
}
