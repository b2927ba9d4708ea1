import type { DeviceStatus } from '@nexus/contract'
import type { Tx } from '../core/context.ts'
import type { Metadata, Tags } from '../core/labels.ts'
import type { TagCondition } from '../core/tag-filter.ts'

/** A device as it is kept. Instants are milliseconds since the epoch, unless they say otherwise. */
export interface DeviceRecord {
  deviceId: string
  name: string | null
  status: DeviceStatus
  /** Of the newest frame, and the timestamp of that in microseconds; 0: there was none. */
  frameTags: Tags
  tagsAt: number
  ownTags: Tags
  metadata: Metadata
  registeredAt: number
  lastSeenAt: number | null
  /** A client has deleted it: nothing but this is left, so that only a sign of life registers it anew. */
  deletedAt: number | null
}

export interface DeviceChange {
  record: DeviceRecord
  /** The effective tags, where they have changed. */
  tags: Tags | undefined
}

export interface DeviceFilter {
  status: DeviceStatus | undefined
  /** On the effective tags; all must hold. */
  conditions: readonly TagCondition[]
  after: string | undefined
  limit: number
}

/** When a device was last seen, and how new its newest frame was. */
export interface Seen {
  deviceId: string
  at: number
  tagsAt: number
}

export interface DeviceStore {
  write<T>(fn: (tx: Tx) => Promise<T>): Promise<T>
  /** Runs once the transaction is durable, before its caller hears of it; in the order of the commits. */
  afterCommit(tx: Tx, fn: () => void): void
  /** One transaction at a time changes devices, so that what it read still holds when it writes. */
  lock(tx: Tx): Promise<void>
  /** Those that are there, deleted ones too; without `tx`, as committed. */
  find(deviceIds: readonly string[], tx?: Tx): Promise<DeviceRecord[]>
  /** In the order of their ids, without deleted ones. */
  list(filter: DeviceFilter): Promise<DeviceRecord[]>
  /** Those that are online, in the order of their ids. */
  online(page: { after: string | undefined; limit: number }): Promise<{ deviceId: string; lastSeenAt: number | null }[]>
  save(tx: Tx, changes: readonly DeviceChange[]): Promise<void>
  /** Of devices that are online; returns their ids. Never turns either time back. */
  noteSeen(tx: Tx, seen: readonly Seen[]): Promise<Set<string>>
}
