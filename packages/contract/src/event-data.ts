import Type, { type Static, type TSchema } from 'typebox'
import { Device, offlineReasons } from './devices.ts'
import type { EventType } from './events.ts'
import { Timestamp } from './shapes.ts'
import { Frame } from './telemetry.ts'

/** A frame as it was sent, with the time that it was given. */
export const FrameEventData = Type.Object({
  ...Frame.properties,
  timestamp: Timestamp,
})

/** A device as it is after the event; what was set of it is left to `GET /v1/devices/{device_id}`. */
export const DeviceEventData = Type.Omit(Device, ['own_tags', 'metadata'])

export const DeviceOfflineData = Type.Object({
  ...DeviceEventData.properties,
  reason: Type.Enum(offlineReasons),
})

/** What an event says, by type. */
export const eventData = {
  'telemetry.frame': FrameEventData,
  'device.registered': DeviceEventData,
  'device.online': DeviceEventData,
  'device.offline': DeviceOfflineData,
} as const satisfies Partial<Record<EventType, TSchema>>

/** The same as a type; an object of whatever is in it where the contract does not know. */
export type EventData<T extends EventType> = T extends keyof typeof eventData
  ? Static<(typeof eventData)[T]>
  : Record<string, unknown>
