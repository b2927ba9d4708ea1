import type { Device, Input } from '@nexus/contract'
import type { WriteCtx } from '../core/context.ts'
import { mergePatch } from '../core/merge-patch.ts'
import { type DeviceDeps, lockedDevice } from './deps.ts'
import { type Settings, settingsOf, withSettings } from './settings.ts'
import { changeOf } from './settle.ts'
import { shownDevice } from './shown-device.ts'

/**
 * Merges a patch (RFC 7396) into name, own tags and metadata: what is left out stays; null removes the name, a tag, or a
 * key of the metadata. A tag of the frames shows again once the own one over it is removed.
 * Errors: NOT_FOUND, INVALID_REQUEST (a limit, named).
 */
export async function updateDevice(deps: DeviceDeps, ctx: WriteCtx, input: Input<'devices.update'>): Promise<Device> {
  const { device_id, ...patch } = input
  const before = await lockedDevice(deps, ctx.tx, device_id)
  const merged = { name: null, ...(mergePatch(settingsOf(before), patch) as Omit<Settings, 'name'>) }
  const after = withSettings(before, merged)
  await deps.store.save(ctx.tx, [changeOf(before, after)])
  return shownDevice(after, deps.presence.lastSeenAt(device_id))
}
