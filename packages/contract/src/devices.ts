import Type, { type Static } from 'typebox'
import { operation } from './operation.ts'
import { Cursor, Id, PageLimit, Timestamp } from './shapes.ts'
import { keyPattern, Metadata, TagFilter, Tags, telemetryLimits } from './telemetry.ts'

export const deviceLimits = {
  nameLengthMax: 128,
  /** Name, own tags and metadata of a device together, as JSON. */
  settingsBytesMax: 64 * 1024,
} as const

export const deviceStatuses = ['online', 'offline'] as const
export type DeviceStatus = (typeof deviceStatuses)[number]

/** Why a device went offline: nothing was heard of it for too long, or its last connection closed and it sends no frames. */
export const offlineReasons = ['silent', 'disconnected'] as const
export type OfflineReason = (typeof offlineReasons)[number]

const Name = Type.String({
  minLength: 1,
  maxLength: deviceLimits.nameLengthMax,
  pattern: '^[^\\x00-\\x1f\\x7f]+$',
  description: 'What people call it; without control characters',
})
const shownTags = (description: string) =>
  Type.Unsafe<Record<string, string>>(Type.Object({}, { additionalProperties: Type.String(), description }))
const TagChanges = Type.Unsafe<Record<string, string | null>>(
  Type.Record(
    Type.String({ pattern: keyPattern }),
    Type.Union([Type.String({ maxLength: telemetryLimits.stringBytesMax }), Type.Null()]),
    { maxProperties: telemetryLimits.tagsMax * 2, additionalProperties: false },
  ),
)

/** A device as it is registered. */
export const Device = Type.Object({
  device_id: Id,
  name: Type.Union([Name, Type.Null()]),
  status: Type.Enum(deviceStatuses),
  tags: shownTags('Those of its newest frame, overlaid by its own'),
  own_tags: shownTags('Those that were set here, which hold whatever frames say'),
  metadata: Type.Unsafe<Record<string, unknown>>(Type.Object({}, { additionalProperties: true })),
  registered_at: Timestamp,
  last_seen_at: Type.Union([Timestamp, Type.Null()], {
    description: 'When a frame last arrived, or a connection was opened or closed; null: never',
  }),
})
export type Device = Static<typeof Device>

const DeviceId = { device_id: Id }
const reading = { effect: 'read', scope: 'telemetry:read', rate: 'other' } as const
const writing = { effect: 'write', scope: ['telemetry:read', 'telemetry:write'], rate: 'other' } as const

export const devicesList = operation({
  ...reading,
  id: 'devices.list',
  summary: 'List devices, in the order of their ids',
  http: 'GET /v1/devices',
  input: Type.Object(
    {
      status: Type.Optional(Type.Enum(deviceStatuses)),
      tags: Type.Optional(TagFilter),
      service: Type.Optional(
        Type.String({
          minLength: 1,
          maxLength: telemetryLimits.stringBytesMax,
          description: 'The value of the tag `service`, as it stands',
        }),
      ),
      cursor: Type.Optional(Cursor),
      limit: Type.Optional(PageLimit),
    },
    { additionalProperties: false },
  ),
  output: Type.Object({ devices: Type.Array(Device), next_cursor: Type.Union([Cursor, Type.Null()]) }),
})

export const devicesGet = operation({
  ...reading,
  id: 'devices.get',
  summary: 'Get a device',
  http: 'GET /v1/devices/{device_id}',
  input: Type.Object(DeviceId, { additionalProperties: false }),
  output: Device,
  errors: ['NOT_FOUND'],
})

export const devicesPut = operation({
  ...writing,
  id: 'devices.put',
  summary: 'Register a device, or replace what a client may set of it',
  description: 'What is left out is none: no name, no tags of its own, no metadata.',
  http: 'PUT /v1/devices/{device_id}',
  input: Type.Object(
    {
      ...DeviceId,
      name: Type.Optional(Type.Union([Name, Type.Null()])),
      tags: Type.Optional(Tags),
      metadata: Type.Optional(Metadata),
    },
    { additionalProperties: false },
  ),
  output: Device,
})

export const devicesUpdate = operation({
  ...writing,
  id: 'devices.update',
  summary: 'Change a device (JSON merge patch)',
  description:
    'What is left out stays as it is. A tag, a key of the metadata, or the name that is null is removed; `tags` are those of its own.',
  http: 'PATCH /v1/devices/{device_id}',
  input: Type.Object(
    {
      ...DeviceId,
      name: Type.Optional(Type.Union([Name, Type.Null()])),
      tags: Type.Optional(TagChanges),
      metadata: Type.Optional(Metadata),
    },
    { additionalProperties: false },
  ),
  output: Device,
  errors: ['NOT_FOUND'],
})

export const devicesDelete = operation({
  ...writing,
  id: 'devices.delete',
  summary: 'Forget a device; its telemetry stays',
  description:
    'It is gone from the list, with its name, tags and metadata, until a frame or a connection of it registers it anew. Its telemetry is deleted with `telemetry.data.delete`.',
  http: 'DELETE /v1/devices/{device_id}',
  status: 204,
  input: Type.Object(DeviceId, { additionalProperties: false }),
  output: Type.Null(),
  errors: ['NOT_FOUND'],
})
