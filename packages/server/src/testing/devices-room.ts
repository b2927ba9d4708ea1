import type { TestContext } from 'node:test'
import type { Event } from '@nexus/contract'
import { createDevices, type DeviceStore, type DevicesOptions, type SeenFrame } from '../devices/index.ts'
import { createDeviceStore } from '../storage/state/index.ts'
import { openEventsRoom, placeOf, type RoomPlace } from './events-room.ts'
import { callerOver } from './gate.ts'

export interface DevicesRoomOptions extends Partial<Omit<DevicesOptions, 'store'>>, RoomPlace {
  /** When the room opens, in ms. */
  at?: number
  /** Puts something between the room and its store, such as a fault. */
  store?: (store: DeviceStore) => DeviceStore
}

/** The registry of devices behind the gate, on a state and an event log of its own. No loop runs by itself. */
export async function openDevicesRoom(t: TestContext, room: DevicesRoomOptions = {}) {
  const { place, options: given } = placeOf(room)
  const { at, store, ...options } = given
  const opened = await openEventsRoom(t, place)
  const { clock, events, state, ctx } = opened
  if (at !== undefined) clock.at = at
  const kept = createDeviceStore(state)
  const devices = await createDevices({
    store: store?.(kept) ?? kept,
    events,
    now: () => clock.now(),
    offlineAfterSeconds: 300,
    onlineMax: 1000,
    signal: new AbortController().signal,
    onError: (cause) => t.diagnostic(String(cause)),
    ...options,
  })
  const call = callerOver({ ...devices.handlers, ...events.handlers }, { write: (fn) => state.write(fn), ctx })
  return {
    ...opened,
    devices,
    call,
    /** A frame of the device was kept just now; its timestamp is that moment, unless told. */
    frame(deviceId: string, more: Partial<SeenFrame> = {}) {
      devices.seen([{ deviceId, at: clock.now() * 1000, tags: undefined, ...more }])
    },
    /** What was told of devices so far. */
    async told(): Promise<Event[]> {
      return (await call('events.list', { types: 'device.*', limit: 1000 })).events
    },
  }
}

/** Events as `registered a`, in their order. */
export function briefly(events: readonly Event[]): string[] {
  return events.map(({ type, subject, data }) => {
    const reason = type === 'device.offline' ? ` ${data.reason}` : ''
    return `${type.replace('device.', '')} ${subject}${reason}`
  })
}
