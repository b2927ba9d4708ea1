import type { Device, Input } from '@nexus/contract'
import type { Ctx } from '../core/context.ts'
import { type DeviceDeps, foundDevice } from './deps.ts'
import { shownDevice } from './shown-device.ts'

/** Errors: NOT_FOUND. */
export async function getDevice(deps: DeviceDeps, _ctx: Ctx, { device_id }: Input<'devices.get'>): Promise<Device> {
  await deps.flush(device_id)
  return shownDevice(await foundDevice(deps, device_id), deps.presence.lastSeenAt(device_id))
}
