import { deviceLimits } from '@nexus/contract'
import { invalid } from '../core/failure.ts'
import { type Metadata, metadataFault, type Tags, tagsFault } from '../core/labels.ts'
import { fault, textFault } from '../core/value.ts'
import type { DeviceRecord } from './ports.ts'

/** What a client may set of a device. */
export interface Settings {
  name: string | null
  tags: Tags
  metadata: Metadata
}

export function settingsOf({ name, ownTags: tags, metadata }: DeviceRecord): Settings {
  return { name, tags, metadata }
}

/** Puts settings into a record. What the schema could not check is checked here. Errors: INVALID_REQUEST, naming the limit. */
export function withSettings(record: DeviceRecord, { name, tags, metadata }: Settings): DeviceRecord {
  const bad =
    (name === null ? undefined : textFault('name', name)) ??
    tagsFault(tags) ??
    metadataFault(metadata) ??
    sizeFault({ name, tags, metadata })
  if (bad) throw invalid(bad.field, bad.issue)
  return { ...record, name, ownTags: tags, metadata }
}

function sizeFault(settings: Settings) {
  const { settingsBytesMax } = deviceLimits
  if (Buffer.byteLength(JSON.stringify(settings)) <= settingsBytesMax) return undefined
  return fault('metadata', `has more than ${settingsBytesMax} bytes together with name and tags`)
}
